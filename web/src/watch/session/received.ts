// Which media came already: chunks are handed on in order and once, whichever nodes send them.

import type { ChunkName, StreamingData } from '../../protocol/event';
import { compareChunks, nameOf } from './chunk-name';

/** See the head of the file. */
export class Received {
  #last: ChunkName | undefined;
  #hadMedia = false;
  #startsOver = false;

  /** The last chunk; the next node goes on after it. Undefined when the stream is to be joined at its live edge. */
  get last(): ChunkName | undefined {
    return this.#last;
  }

  /** Whether there was any media, before whatever was forgotten too. */
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

  /** What comes next does not follow what came. */
  forget(): void {
    this.#last = undefined;
  }

  /** The stream has to be joined anew; what still comes from before that is dropped. */
  startOver(): void {
    this.forget();
    this.#startsOver = true;
  }

  /** Whether the stream has to be joined anew. */
  get startsOver(): boolean {
    return this.#startsOver;
  }

  /** The stream is joined. */
  joins(): void {
    this.#startsOver = false;
  }
}
