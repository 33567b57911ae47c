// Uploads into the library: a few files are sent in parallel, the others wait. After the last byte the server reads the
// file, and its item tells when it can be played. No DOM.

import { CallError, asCallError } from '../../protocol/error';
import type { Item, ItemId } from '../../protocol/item';
import { FALL_BACK_MS } from '../news';
import type { StartTransfer, Transfer } from './transfer';

/** Number of parallel uploads. */
export const MAX_SENDING = 2;
/**
 * Pauses between questions whether the server has read a file, in ms, unless it sends changes: each is twice as long as the one
 * before.
 */
const READING_POLL_MS = { first: 1_000, longest: 8_000 };

/** `waiting`: others are sent first. `reading`: the server has the whole file and creates an item from it. */
export type UploadPhase = 'waiting' | 'sending' | 'paused' | 'reading' | 'done' | 'failed';

/** The displayed state of one file. */
export interface UploadView {
  id: number;
  name: string;
  bytes: number;
  sentBytes: number;
  phase: UploadPhase;
  /** Share of the file that the server has read, in percent, if known. */
  readPercent?: number;
  /** Why it failed: an error of a call, or the server's message about the file. */
  problem?: CallError | string;
  /** Known once the server has the whole file. */
  itemId?: ItemId;
}

/** Dependencies and callbacks of uploads. */
export interface UploadsSetup {
  start: StartTransfer;
  library: { item(id: ItemId): Promise<Item> };
  /** Whether the page passes changes of items to `heard`. */
  isHearing: () => boolean;
  /** Calls back after so many ms; returns a function that cancels it. */
  later: (ms: number, call: () => void) => () => void;
  /** Displayed state changed. */
  changed(): void;
  /** The server has the whole file; left out if nothing else is made of it. */
  received?(file: File, itemId: ItemId): void;
  /** An item is ready. */
  done(itemId: ItemId): void;
}

interface Entry {
  file: File;
  view: UploadView;
  transfer?: Transfer;
  stopPolling?: () => void;
  /** Number of questions whether the server has read it; only the newest is repeated. */
  polls: number;
}

/** The uploads of one page. */
export class Uploads {
  readonly #setup: UploadsSetup;
  #entries: Entry[] = [];
  #nextId = 1;

  constructor(setup: UploadsSetup) {
    this.#setup = setup;
  }

  /** All files of this page, in the order they were chosen. */
  get views(): readonly UploadView[] {
    return this.#entries.map(({ view }) => view);
  }

  /** Whether leaving the page would stop an upload. */
  get isSending(): boolean {
    return this.#entries.some(({ view }) => view.phase === 'sending' || view.phase === 'waiting');
  }

  /** Uploads `files`, after the earlier ones. */
  add(files: Iterable<File>): void {
    for (const file of files) {
      const view: UploadView = {
        id: this.#nextId++,
        name: file.name,
        bytes: file.size,
        sentBytes: 0,
        phase: 'waiting',
      };
      this.#entries.push({ file, view, polls: 0 });
    }
    this.#sendNext();
  }

  /** Pauses an upload. */
  pause(id: number): void {
    this.#with(id, (entry) => {
      if (entry.view.phase !== 'sending' && entry.view.phase !== 'waiting') return;
      entry.transfer?.pause();
      this.#show(entry, { phase: 'paused' });
    });
  }

  /** Resumes a paused upload, or retries a failed one. */
  resume(id: number): void {
    this.#with(id, (entry) => {
      if (entry.view.phase === 'failed') delete entry.transfer;
      if (entry.view.phase !== 'paused' && entry.view.phase !== 'failed') return;
      delete entry.view.problem;
      this.#show(entry, { phase: 'waiting' });
    });
  }

  /** The browser is online again: continues uploads whose connection broke off. */
  online(): void {
    for (const { view } of [...this.#entries]) if (isBroken(view)) this.resume(view.id);
  }

  /**
   * Removes a file from the list. An incomplete upload is deleted at the server; a complete one stays in the library.
   */
  remove(id: number): void {
    this.#with(id, (entry) => {
      entry.stopPolling?.();
      if (entry.view.itemId === undefined) entry.transfer?.cancel();
      this.#entries = this.#entries.filter((other) => other !== entry);
    });
  }

  /** An item changed. */
  heard(item: Item): void {
    const entry = this.#entries.find(({ view }) => view.phase === 'reading' && view.itemId === item.item_id);
    if (entry !== undefined && this.#read(entry, item)) entry.stopPolling?.();
  }

  /** Changes are heard from now on; earlier ones may have been missed. */
  heardAnew(): void {
    for (const entry of this.#entries) {
      const { phase, itemId } = entry.view;
      if (phase !== 'reading' || itemId === undefined) continue;
      entry.stopPolling?.();
      void this.#poll(entry, itemId, READING_POLL_MS.first);
    }
  }

  /** Stops all uploads. */
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
        void this.#poll(entry, itemId, READING_POLL_MS.first);
      },
      failed: (problem) => {
        this.#show(entry, { phase: 'failed', problem });
        this.#sendNext();
      },
    });
  }

  /** Polls the item until the file has been read. */
  async #poll(entry: Entry, itemId: ItemId, pauseMs: number): Promise<void> {
    const turn = ++entry.polls;
    const again = (): void => {
      if (turn !== entry.polls) return;
      const isHearing = this.#setup.isHearing();
      const nextMs = isHearing ? READING_POLL_MS.first : Math.min(2 * pauseMs, READING_POLL_MS.longest);
      const poll = (): void => void this.#poll(entry, itemId, nextMs);
      entry.stopPolling = this.#setup.later(isHearing ? FALL_BACK_MS : pauseMs, poll);
    };
    const isReading = (): boolean => this.#entries.includes(entry) && entry.view.phase === 'reading';
    try {
      const item = await this.#setup.library.item(itemId);
      if (isReading() && !this.#read(entry, item)) again();
    } catch (cause) {
      const problem = asCallError(cause);
      // A missing item was deleted meanwhile; after other errors the server is asked again.
      if (problem.code === 'unknown_item') this.#show(entry, { phase: 'failed', problem });
      else if (isReading()) again();
    }
  }

  /** Shows how far the server is with a file. Says whether it has read it. */
  #read(entry: Entry, { item_id: itemId, state, error, processed_percent: readPercent }: Item): boolean {
    if (state === 'ready') {
      this.#show(entry, { phase: 'done' });
      this.#setup.done(itemId);
    } else if (state === 'failed') this.#show(entry, { phase: 'failed', problem: error ?? '' });
    else if (readPercent !== undefined && readPercent !== entry.view.readPercent) this.#show(entry, { readPercent });
    return state === 'ready' || state === 'failed';
  }

  #show(entry: Entry, change: Partial<UploadView>): void {
    entry.view = { ...entry.view, ...change };
    this.#setup.changed();
  }
}

/** Whether an upload failed for its connection alone. */
function isBroken({ phase, problem }: UploadView): boolean {
  return phase === 'failed' && typeof problem === 'object' && ['unreachable', 'timeout'].includes(problem.code);
}
