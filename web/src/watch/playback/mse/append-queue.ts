// The queue of media to append to a SourceBuffer, in order and bounded: a page that cannot append (a sleeping tab, a
// slow phone) drops whole groups and continues at the newest one, so memory does not grow with the stream.

import type { ChunkTimes } from '../timeline';

/** Most waiting bytes; about half a minute at 2.5 Mbit/s. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Most bytes per batch; joining appends a whole group at once. */
const BATCH_BYTES = 1024 * 1024;

/** The start of a take, to be appended before its chunks. */
export interface QueuedInit {
  kind: 'init';
  take: number;
  mime: string;
  data: ArrayBuffer;
}

/** A chunk to append. */
export interface QueuedChunk {
  kind: 'media';
  take: number;
  /** Whether it can be decoded without earlier chunks. */
  key: boolean;
  times: ChunkTimes;
  /** Local clock. */
  arrivedAtMs: number;
  data: ArrayBuffer;
}

/** Chunks of one take, with their total bytes. */
export interface MediaBatch {
  kind: 'media';
  chunks: readonly QueuedChunk[];
  data: Uint8Array<ArrayBuffer>;
}

/** The next data to append. */
export type Batch = QueuedInit | MediaBatch;

/** Media waiting to be appended. */
export class AppendQueue {
  #items: (QueuedInit | QueuedChunk)[] = [];
  #bytes = 0;
  /** Whether something was dropped, so that nothing can be decoded before a keyframe. */
  #needsKey = false;
  readonly #mostBytes: number;

  constructor(mostBytes: number = MOST_BYTES) {
    this.#mostBytes = mostBytes;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** Adds an item at the end, and drops old groups beyond the limit. Chunks that cannot be decoded are ignored. */
  push(item: QueuedInit | QueuedChunk): void {
    if (item.kind === 'media') {
      if (this.#needsKey && !item.key) return;
      this.#needsKey = false;
    }
    this.#items.push(item);
    this.#bytes += item.data.byteLength;
    if (this.#bytes > this.#mostBytes) this.dropToNewestGroup();
  }

  /** Removes the next data to append: an init segment, or as many chunks of one take as fit in one append. */
  shift(): Batch | undefined {
    const first = this.#items.shift();
    if (first === undefined) return undefined;
    this.#bytes -= first.data.byteLength;
    if (first.kind === 'init') return first;
    const chunks = [first];
    let size = first.data.byteLength;
    for (let next = this.#items[0]; next?.kind === 'media' && next.take === first.take; next = this.#items[0]) {
      if (size + next.data.byteLength > BATCH_BYTES) break;
      this.#items.shift();
      this.#bytes -= next.data.byteLength;
      size += next.data.byteLength;
      chunks.push(next);
    }
    return { kind: 'media', chunks, data: joined(chunks, size) };
  }

  /** Drops all media before the newest keyframe, or everything if that does not help; keeps the needed init segment. */
  dropToNewestGroup(): void {
    const key = this.#items.findLastIndex((item) => item.kind === 'media' && item.key);
    const gains = this.#items.slice(0, Math.max(key, 0)).some((item) => item.kind === 'media');
    const from = gains ? key : this.#items.length;
    const dropped = this.#items.slice(0, from);
    const init = dropped.findLast((item) => item.kind === 'init');
    this.#items = [...(init ? [init] : []), ...this.#items.slice(from)];
    this.#bytes = this.#items.reduce((sum, item) => sum + item.data.byteLength, 0);
    this.#needsKey ||= !gains && dropped.some((item) => item.kind === 'media');
  }

  clear(): void {
    this.#items = [];
    this.#bytes = 0;
    this.#needsKey = false;
  }
}

function joined(chunks: readonly QueuedChunk[], size: number): Uint8Array<ArrayBuffer> {
  const [only] = chunks;
  if (chunks.length === 1 && only) return new Uint8Array(only.data);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const { data } of chunks) {
    whole.set(new Uint8Array(data), at);
    at += data.byteLength;
  }
  return whole;
}
