// Makes pictures of uploaded videos, for their time lines and covers: there may be no worker with ffmpeg. One file after
// another, with a limited number each; an upload never fails because of them. No DOM.

import { asCallError } from '../../protocol/error';
import type { ItemId } from '../../protocol/item';

/** Most pictures per file. */
const MOST = 24;

/** A picture of a file. */
export interface Frame {
  /** The time that it shows. */
  atMs: number;
  picture: Blob;
}

/** Dependencies and callbacks. */
export interface PicturesSetup {
  /** The pictures of a file, first the one for its cover; none if it is no video. Throws if it cannot be read. */
  frames: (file: File, signal: AbortSignal) => AsyncIterable<Frame>;
  send: (itemId: ItemId, frame: Frame) => Promise<void>;
  /** The first picture of an item, or all of them, have been uploaded. */
  sent: (itemId: ItemId) => void;
}

/** Makes and uploads pictures. */
export class Pictures {
  readonly #setup: PicturesSetup;
  readonly #closed = new AbortController();
  #last: Promise<void> = Promise.resolve();

  constructor(setup: PicturesSetup) {
    this.#setup = setup;
  }

  /** Queues a file for pictures. */
  add(file: File, itemId: ItemId): void {
    // A file that the browser cannot read has no pictures.
    const make = async (): Promise<void> => {
      if (!this.#isClosed) await this.#make(file, itemId);
    };
    this.#last = this.#last.then(make).catch(() => undefined);
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

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

  /** Uploads a picture; a failed one is skipped. Throws if the server accepts none. */
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
