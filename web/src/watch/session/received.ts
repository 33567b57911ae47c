// Tracks the received media, so that chunks are passed on in order and once, whichever nodes send them.

import type { ChunkName, StreamingData } from '../../protocol/event';
import { compareChunks, nameOf } from './chunk-name';

/** The received media of one session. */
export class Received {
  #last: ChunkName | undefined;
  #hadMedia = false;
  #startsOver = false;

  /** The last chunk; the next node continues after it. Undefined if the stream is to be joined at its live edge. */
  get last(): ChunkName | undefined {
    return this.#last;
  }

  /** Whether there was ever any media, even before {@link forget}. */
  get hadMedia(): boolean {
    return this.#hadMedia;
  }

  /** Whether this is new. Init segments may repeat; those of earlier takes are old. */
  isNew(data: StreamingData): boolean {
    if (this.#startsOver) return false;
    if (data.kind === 'init') return this.#last === undefined || data.take >= this.#last.take;
    if (this.#last && compareChunks(data, this.#last) <= 0) return false;
    this.#last = nameOf(data);
    this.#hadMedia = true;
    return true;
  }

  /** The next media does not follow the earlier one. */
  forget(): void {
    this.#last = undefined;
  }

  /** The stream must be joined again; media that still arrives before that is dropped. */
  startOver(): void {
    this.forget();
    this.#startsOver = true;
  }

  /** Whether the stream must be joined again. */
  get startsOver(): boolean {
    return this.#startsOver;
  }

  /** The stream is joined. */
  joins(): void {
    this.#startsOver = false;
  }
}
