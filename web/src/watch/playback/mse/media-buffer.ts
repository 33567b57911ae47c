// Feeds one SourceBuffer: one operation at a time, takes laid end to end, a bounded stretch of the past kept.
//
// A new take is `abort()` (the old one may have stopped anywhere), `changeType()` (its codec may be another), its
// init segment, then `timestampOffset`. Out of room, it forgets the past and tries again, then drops what waits. A browser
// takes SourceBuffers away (the element broke, memory is short), and then each of them throws: that is a failure here.

import { AppendQueue, type Batch, type QueuedChunk, type QueuedInit } from './append-queue';
import type { Range } from '../live-edge';

/** The past is cut to `keptMs` behind the playhead whenever it reaches `mostMs`: few, larger removals. */
const PAST = { mostMs: 20_000, keptMs: 10_000 };
/** The same for what lies ahead of a playhead that stands still: someone paused, and will go on at the live edge. */
const AHEAD = { mostMs: 30_000, keptMs: 10_000 };
/** What is kept behind the playhead when the browser has no room left. */
const KEPT_WHEN_FULL_MS = 2_000;

/** What is used of a SourceBuffer; tests bring their own. */
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

/** What the buffer asks of its owner. */
export interface MediaBufferOwner {
  /** The playhead, milliseconds. */
  positionMs(): number;
  /**
   * Lays chunks of one take on the player's clock, just before they are appended; `playableEndMs` is where the
   * SourceBuffer ends now. Tells what to add to their timestamps, milliseconds.
   */
  place(chunks: readonly QueuedChunk[], playableEndMs: number | undefined): number;
  /** Something was appended or removed. */
  changed(): void;
  /** The browser refused the media: this buffer is of no more use. */
  failed(reason: string): void;
}

/** See the head of the file. */
export class MediaBuffer {
  readonly #source: SourceBufferLike;
  readonly #owner: MediaBufferOwner;
  readonly #queue: AppendQueue;
  /** Taken from the queue, and refused for lack of room: to be tried again. */
  #refused: Batch | undefined;
  #hasInit = false;
  #closed = false;

  /** `source` was made for the type of the first init segment that will be pushed. */
  constructor(source: SourceBufferLike, owner: MediaBufferOwner, queue: AppendQueue = new AppendQueue()) {
    this.#source = source;
    this.#owner = owner;
    this.#queue = queue;
    source.addEventListener('updateend', this.#updated);
    source.addEventListener('error', this.#broken);
  }

  /** Whether all that was pushed is in the SourceBuffer. */
  get isIdle(): boolean {
    return this.#queue.isEmpty && this.#refused === undefined && !this.#source.updating;
  }

  /** Playable stretches; undefined where the SourceBuffer is lost, which is told as a failure, too. */
  get ranges(): Range[] | undefined {
    if (this.#closed) return undefined;
    try {
      return this.#buffered();
    } catch (error) {
      this.#fail(reasonOf(error));
      return undefined;
    }
  }

  /** Adds what comes next. */
  push(item: QueuedInit | QueuedChunk): void {
    this.#queue.push(item);
    this.#pump();
  }

  /** Starts on what was in the queue from the beginning. */
  flush(): void {
    this.#pump();
  }

  /** Lets go of the SourceBuffer; nothing is heard of it any more. */
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
    // What does not fit lies ahead of the playhead, so the playhead is far behind: begin again at the newest group.
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

  /** Starts to remove the past if it is longer than `mostMs`; tells whether it did. */
  #forgetPast(mostMs: number, keptMs: number): boolean {
    const first = this.#buffered()[0];
    const position = this.#owner.positionMs();
    if (first === undefined || position - first.startMs <= mostMs) return false;
    this.#source.remove(0, (position - keptMs) / 1000);
    return true;
  }

  /** Starts to cut what lies ahead if it is too long; tells whether it did. */
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
