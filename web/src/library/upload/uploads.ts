// Files on their way into the library: a few are sent at once, the others wait. After the last byte the server reads the file,
// and its item says when it can be played. No DOM.

import { CallError, asCallError } from '../../protocol/error';
import type { Item, ItemId } from '../../protocol/item';
import type { StartTransfer, Transfer } from './transfer';

/** Files that are sent at the same time. */
export const MAX_SENDING = 2;
/** How often the server is asked whether it has read a file, in ms. */
const READING_POLL_MS = 1_000;

/** `waiting`: others are sent first. `reading`: the server has all of it and makes an item of it. */
export type UploadPhase = 'waiting' | 'sending' | 'paused' | 'reading' | 'done' | 'failed';

/** One file, as shown. */
export interface UploadView {
  id: number;
  name: string;
  bytes: number;
  sentBytes: number;
  phase: UploadPhase;
  /** How much of the file the server has read, in percent, if it says so. */
  readPercent?: number;
  /** Why it failed: an error of a call, or what the server says about the file. */
  problem?: CallError | string;
  /** Known once the server has the whole file. */
  itemId?: ItemId;
}

/** What uploads work with. */
export interface UploadsSetup {
  start: StartTransfer;
  library: { item(id: ItemId): Promise<Item> };
  /** Calls back after so many ms; gives a function that prevents it. */
  later: (ms: number, call: () => void) => () => void;
  /** Anything that is shown changed. */
  changed(): void;
  /** The server has all of a file; left out where nothing more is made of it. */
  received?(file: File, itemId: ItemId): void;
  /** An item is ready. */
  done(itemId: ItemId): void;
}

interface Entry {
  file: File;
  view: UploadView;
  transfer?: Transfer;
  stopPolling?: () => void;
}

/** See the head of the file. */
export class Uploads {
  readonly #setup: UploadsSetup;
  #entries: Entry[] = [];
  #nextId = 1;

  constructor(setup: UploadsSetup) {
    this.#setup = setup;
  }

  /** All files of this page, in the order in which they were chosen. */
  get views(): readonly UploadView[] {
    return this.#entries.map(({ view }) => view);
  }

  /** Whether leaving the page would stop one. */
  get isSending(): boolean {
    return this.#entries.some(({ view }) => view.phase === 'sending' || view.phase === 'waiting');
  }

  /** Uploads `files`, after those that are on their way. */
  add(files: Iterable<File>): void {
    for (const file of files) {
      const view: UploadView = {
        id: this.#nextId++,
        name: file.name,
        bytes: file.size,
        sentBytes: 0,
        phase: 'waiting',
      };
      this.#entries.push({ file, view });
    }
    this.#sendNext();
  }

  /** Stops sending a file for now. */
  pause(id: number): void {
    this.#with(id, (entry) => {
      if (entry.view.phase !== 'sending' && entry.view.phase !== 'waiting') return;
      entry.transfer?.pause();
      this.#show(entry, { phase: 'paused' });
    });
  }

  /** Goes on with a file that was paused, or that failed. */
  resume(id: number): void {
    this.#with(id, (entry) => {
      if (entry.view.phase === 'failed') delete entry.transfer;
      if (entry.view.phase !== 'paused' && entry.view.phase !== 'failed') return;
      delete entry.view.problem;
      this.#show(entry, { phase: 'waiting' });
    });
  }

  /** Forgets a file; what of it is on its way is deleted. One that the server has whole stays in the library. */
  remove(id: number): void {
    this.#with(id, (entry) => {
      entry.stopPolling?.();
      if (entry.view.itemId === undefined) entry.transfer?.cancel();
      this.#entries = this.#entries.filter((other) => other !== entry);
    });
  }

  /** Ends all that runs. */
  close(): void {
    for (const entry of this.#entries) {
      entry.stopPolling?.();
      if (entry.view.phase === 'sending') entry.transfer?.pause();
    }
    this.#entries = [];
  }

  #with(id: number, change: (entry: Entry) => void): void {
    const entry = this.#entries.find(({ view }) => view.id === id);
    if (!entry) return;
    change(entry);
    this.#sendNext();
  }

  #sendNext(): void {
    const sending = this.#entries.filter(({ view }) => view.phase === 'sending').length;
    const waiting = this.#entries.filter(({ view }) => view.phase === 'waiting');
    for (const entry of waiting.slice(0, Math.max(0, MAX_SENDING - sending))) this.#send(entry);
    this.#setup.changed();
  }

  #send(entry: Entry): void {
    entry.view = { ...entry.view, phase: 'sending' };
    if (entry.transfer) {
      entry.transfer.resume();
      return;
    }
    entry.transfer = this.#setup.start(entry.file, {
      progress: (sentBytes) => this.#show(entry, { sentBytes }),
      complete: (itemId) => {
        this.#show(entry, { phase: 'reading', sentBytes: entry.view.bytes, itemId });
        this.#sendNext();
        this.#setup.received?.(entry.file, itemId);
        void this.#poll(entry, itemId);
      },
      failed: (problem) => {
        this.#show(entry, { phase: 'failed', problem });
        this.#sendNext();
      },
    });
  }

  /** Asks for the item until the file has been read. */
  async #poll(entry: Entry, itemId: ItemId): Promise<void> {
    const again = (): void => {
      entry.stopPolling = this.#setup.later(READING_POLL_MS, () => void this.#poll(entry, itemId));
    };
    try {
      const { state, error, processed_percent: readPercent } = await this.#setup.library.item(itemId);
      if (!this.#entries.includes(entry)) return;
      if (state === 'ready') {
        this.#show(entry, { phase: 'done' });
        this.#setup.done(itemId);
      } else if (state === 'failed') this.#show(entry, { phase: 'failed', problem: error ?? '' });
      else {
        if (readPercent !== undefined && readPercent !== entry.view.readPercent) this.#show(entry, { readPercent });
        again();
      }
    } catch (cause) {
      const problem = asCallError(cause);
      // An item that is gone was deleted meanwhile; a server that cannot be asked is asked again.
      if (problem.code === 'unknown_item') this.#show(entry, { phase: 'failed', problem });
      else if (this.#entries.includes(entry)) again();
    }
  }

  #show(entry: Entry, change: Partial<UploadView>): void {
    entry.view = { ...entry.view, ...change };
    this.#setup.changed();
  }
}
