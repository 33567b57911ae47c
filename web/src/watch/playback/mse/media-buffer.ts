// Feeds one SourceBuffer: one operation at a time, takes placed end to end, with a bounded part of the past.
//
// A new take is `abort()` (the old one may have stopped anywhere), `changeType()` (its codec may differ), its init
// segment, then `timestampOffset`. When the buffer is full, it removes the past and tries again, then drops waiting
// media. Browsers may remove SourceBuffers (the element broke, memory is short), after which all their methods throw:
// that is reported as a failure.

import { AppendQueue, type Batch, type QueuedChunk, type QueuedInit } from './append-queue';
import type { Range } from '../live-edge';

/** The past is cut to `keptMs` behind the playhead when it reaches `mostMs`: few, larger removals. */
const PAST = { mostMs: 20_000, keptMs: 10_000 };
/** The same for media ahead of a paused playhead, which will resume at the live edge. */
const AHEAD = { mostMs: 30_000, keptMs: 10_000 };
/** Media kept behind the playhead when the browser's buffer is full. */
const KEPT_WHEN_FULL_MS = 2_000;

/** The part of a SourceBuffer that is used; tests pass their own. */
export type SourceBufferLike = Pick<
  SourceBuffer,
  | 'abort'
  | 'addEventListener'
  | 'appendBuffer'
  | 'buffered'
  | 'changeType'
  | 'remove'
  | 'removeEventListener'
  | 'timestampOffset'
  | 'updating'
>;

/** Callbacks of the buffer into its owner. */
export interface MediaBufferOwner {
  /** The position of the playhead, milliseconds. */
  positionMs(): number;
  /**
   * Places chunks of one take on the player's clock, just before they are appended; `playableEndMs` is the current end
   * of the SourceBuffer. Returns the offset to add to their timestamps, milliseconds.
   */
  place(chunks: readonly QueuedChunk[], playableEndMs: number | undefined): number;
  /** Something was appended or removed. */
  changed(): void;
  /** The browser refused the media: this buffer is unusable. */
  failed(reason: string): void;
}

/** The SourceBuffer of one media source. */
export class MediaBuffer {
  readonly #source: SourceBufferLike;
  readonly #owner: MediaBufferOwner;
  readonly #queue: AppendQueue;
  /** A batch refused because the buffer is full, to be retried. */
  #refused: Batch | undefined;
  #hasInit = false;
  #closed = false;

  /** `source` must have the type of the first init segment that will be pushed. */
  constructor(source: SourceBufferLike, owner: MediaBufferOwner, queue: AppendQueue = new AppendQueue()) {
    this.#source = source;
    this.#owner = owner;
    this.#queue = queue;
    source.addEventListener('updateend', this.#updated);
    source.addEventListener('error', this.#broken);
  }

  /** Whether everything that was pushed is in the SourceBuffer. */
  get isIdle(): boolean {
    return this.#queue.isEmpty && this.#refused === undefined && !this.#source.updating;
  }

  /** Playable ranges; undefined if the SourceBuffer is lost, which is also reported as a failure. */
  get ranges(): Range[] | undefined {
    if (this.#closed) return undefined;
    try {
      return this.#buffered();
    } catch (error) {
      this.#fail(reasonOf(error));
      return undefined;
    }
  }

  push(item: QueuedInit | QueuedChunk): void {
    this.#queue.push(item);
    this.#pump();
  }

  /** Starts to append the initial content of the queue. */
  flush(): void {
    this.#pump();
  }

  /** Releases the SourceBuffer and ignores it from now on. */
  close(): void {
    this.#closed = true;
    this.#source.removeEventListener('updateend', this.#updated);
    this.#source.removeEventListener('error', this.#broken);
    this.#queue.clear();
  }

  readonly #updated = (): void => {
    this.#pump();
    this.#owner.changed();
  };

  readonly #broken = (): void => {
    this.#fail('the browser could not decode what was appended');
  };

  #pump(): void {
    if (this.#closed || this.#source.updating) return;
    try {
      if (this.#forgetPast(PAST.mostMs, PAST.keptMs) || this.#forgetAhead()) return;
      this.#appendNext();
    } catch (error) {
      this.#fail(reasonOf(error));
    }
  }

  #appendNext(): void {
    const batch = this.#refused ?? this.#queue.shift();
    if (batch === undefined) return;
    this.#refused = undefined;
    try {
      this.#append(batch);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'QuotaExceededError')) throw error;
      this.#makeRoom(batch);
    }
  }

  #append(batch: Batch): void {
    if (batch.kind === 'init') {
      if (this.#hasInit) {
        this.#source.abort();
        this.#source.changeType(batch.mime);
      }
      this.#hasInit = true;
    } else {
      const offset = this.#owner.place(batch.chunks, this.#buffered().at(-1)?.endMs) / 1000;
      if (this.#source.timestampOffset !== offset) this.#source.timestampOffset = offset;
    }
    this.#source.appendBuffer(batch.data);
  }

  #makeRoom(batch: Batch): void {
    this.#refused = batch;
    if (this.#forgetPast(KEPT_WHEN_FULL_MS, KEPT_WHEN_FULL_MS)) return;
    // Data that does not fit lies ahead of the playhead, so the playhead is far behind: restart at the newest group.
    this.#refused = batch.kind === 'init' ? batch : undefined;
    this.#queue.dropToNewestGroup();
    const end = this.#buffered().at(-1)?.endMs;
    if (end === undefined) this.#fail('the browser has no room for this stream');
    else this.#source.remove(0, end / 1000 + 1);
  }

  #buffered(): Range[] {
    const { buffered } = this.#source;
    return Array.from({ length: buffered.length }, (_, i) => ({
      startMs: buffered.start(i) * 1000,
      endMs: buffered.end(i) * 1000,
    }));
  }

  /** Starts to remove the past if it is longer than `mostMs`. Returns whether it did. */
  #forgetPast(mostMs: number, keptMs: number): boolean {
    const first = this.#buffered()[0];
    const position = this.#owner.positionMs();
    if (first === undefined || position - first.startMs <= mostMs) return false;
    this.#source.remove(0, (position - keptMs) / 1000);
    return true;
  }

  /** Starts to cut the media ahead if it is too long. Returns whether it did. */
  #forgetAhead(): boolean {
    const end = this.#buffered().at(-1)?.endMs ?? 0;
    if (end - Math.max(this.#owner.positionMs(), this.#buffered()[0]?.startMs ?? 0) <= AHEAD.mostMs) return false;
    this.#source.remove(0, (end - AHEAD.keptMs) / 1000);
    return true;
  }

  #fail(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#owner.failed(reason);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
