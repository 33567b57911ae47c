// Pictures of the videos that this page uploads, for their time lines and covers: no server decodes video. One file after another, a
// bounded number of each; an upload does not fail for want of them. No DOM.

import { asCallError } from '../../protocol/error';
import type { ItemId } from '../../protocol/item';

/** Most pictures of one file. */
const MOST = 24;

/** A picture of a file. */
export interface Frame {
  /** The time that it shows. */
  atMs: number;
  picture: Blob;
}

/** What making pictures works with. */
export interface PicturesSetup {
  /** The pictures of a file, the one for its cover first; none of what is no video. Throws where it cannot be read. */
  frames: (file: File, signal: AbortSignal) => AsyncIterable<Frame>;
  send: (itemId: ItemId, frame: Frame) => Promise<void>;
  /** The first picture of an item, or all of them, are at the server. */
  sent: (itemId: ItemId) => void;
}

/** See the head of the file. */
export class Pictures {
  readonly #setup: PicturesSetup;
  readonly #closed = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(setup: PicturesSetup) {
    this.#setup = setup;
  }

  /** Makes pictures of a file once those of the files before it are made. */
  add(file: File, itemId: ItemId): void {
    // What cannot be read here has no pictures.
    const make = async (): Promise<void> => {
      if (!this.#isClosed) await this.#make(file, itemId);
    };
    this.#last = this.#last.then(make).catch(() => undefined);
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** Ends it. */
  close(): void {
    this.#closed.abort();
  }

  async #make(file: File, itemId: ItemId): Promise<void> {
    const { signal } = this.#closed;
    let [made, sent] = [0, 0];
    try {
      for await (const frame of this.#setup.frames(file, signal)) {
        if (this.#isClosed) return;
        if (await this.#send(itemId, frame)) sent++;
        if (sent === 1) this.#setup.sent(itemId);
        if (++made >= MOST) break;
      }
    } finally {
      if (sent > 1) this.#setup.sent(itemId);
    }
  }

  /** Sends a picture; one that does not arrive is left out. Throws where the server takes none. */
  async #send(itemId: ItemId, frame: Frame): Promise<boolean> {
    try {
      await this.#setup.send(itemId, frame);
      return true;
    } catch (error) {
      if (!asCallError(error).transient) throw error;
      return false;
    }
  }
}
