// Appends media to one SourceBuffer: one operation at a time, each as a promise. It tracks where in the media's time
// the next bytes go: a piece that does not follow the last one begins with an init segment, at its own offset. No DOM.

import { CallError } from '../../protocol/error';
import type { Piece, Run } from '../plan';
import type { Buffer } from './media';

/** A range of time, in ms. */
export interface Stretch {
  startMs: number;
  endMs: number;
}

/** The buffer is full. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
}

/** The operations of one SourceBuffer. */
export class Feed {
  readonly #buffer: Buffer;
  #run: Run | undefined;
  /** Where a seamless successor must begin; undefined after an interruption. */
  #nextMs: number | undefined;

  readonly #gone: AbortSignal;

  /**
   * `buffer` was created for `run`; `gone` aborts when its media source is removed, and running operations then fail.
   */
  constructor(buffer: Buffer, run: Run, gone: AbortSignal) {
    this.#buffer = buffer;
    this.#run = run;
    this.#gone = gone;
  }

  /** The playable ranges. */
  get ranges(): Stretch[] {
    if (this.#gone.aborted) return [];
    const { buffered } = this.#buffer;
    return Array.from({ length: buffered.length }, (_, i) => ({
      startMs: buffered.start(i) * 1000,
      endMs: buffered.end(i) * 1000,
    }));
  }

  /**
   * Prepares for the bytes of `piece`; `init` is its run's init segment, if there is one.
   *
   * @throws CallError `malformed_media` if the browser rejects it.
   */
  async begin(piece: Piece, init: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
    const follows = this.#run === piece.run && this.#nextMs === piece.startMs;
    this.#nextMs = undefined;
    if (follows) return;
    this.#buffer.abort();
    if (this.#run?.mime !== piece.run.mime) this.#buffer.changeType(piece.run.mime);
    this.#run = piece.run;
    // Media without timestamps is placed at the offset, and from there end to end.
    this.#buffer.timestampOffset = (piece.run.isSequence ? piece.startMs : piece.run.offsetMs) / 1000;
    if (init !== undefined) await this.append(init);
  }

  /** Records that all bytes of `piece` were appended. */
  completed(piece: Piece): void {
    this.#nextMs = piece.endMs;
  }

  /**
   * Appends bytes.
   *
   * @throws NoRoom if the buffer is full.
   * @throws CallError `malformed_media` if the browser cannot read them: the buffer is then unusable.
   */
  append(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#operate(() => this.#buffer.appendBuffer(bytes));
  }

  /** Removes a range of time. */
  async remove({ startMs, endMs }: Stretch): Promise<void> {
    this.#nextMs = undefined;
    if (endMs > startMs) await this.#operate(() => this.#buffer.remove(startMs / 1000, endMs / 1000));
  }

  /** Records that the last piece is incomplete. */
  interrupt(): void {
    this.#nextMs = undefined;
  }

  #operate(action: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = new AbortController();
      const { signal } = done;
      const end = (error?: Error): void => {
        done.abort();
        if (error === undefined) resolve();
        else reject(error);
      };
      const gone = (): void => end(new DOMException('the media source is gone', 'AbortError'));
      this.#gone.addEventListener('abort', gone, { signal });
      this.#buffer.addEventListener('updateend', () => end(), { signal });
      this.#buffer.addEventListener('error', () => end(malformed('the browser cannot read the media')), { signal });
      try {
        action();
      } catch (error) {
        const isFull = error instanceof Error && error.name === 'QuotaExceededError';
        end(isFull ? new NoRoom() : malformed(error instanceof Error ? error.message : String(error)));
      }
    });
  }
}

function malformed(message: string): CallError {
  return new CallError('malformed_media', message);
}
