// The buffer with a SourceBuffer that behaves as specified, and refuses data when it is full.

import { describe, expect, it } from 'vitest';
import { AppendQueue, type QueuedChunk, type QueuedInit } from './append-queue';
import { MediaBuffer, type SourceBufferLike } from './media-buffer';

/** Each appended media byte is one second; operations end when the test says so. */
class FakeSourceBuffer extends EventTarget {
  updating = false;
  log: string[] = [];
  /** Start and end in seconds; one range is enough here. */
  range: [number, number] | undefined;
  roomS = Infinity;
  #offset = 0;

  get timestampOffset(): number {
    return this.#offset;
  }
  set timestampOffset(offset: number) {
    this.log.push(`offset ${offset}`);
    this.#offset = offset;
  }
  get buffered() {
    const { range } = this;
    return { length: range ? 1 : 0, start: () => range?.[0] ?? 0, end: () => range?.[1] ?? 0 };
  }
  abort(): void {
    this.log.push('abort');
  }
  changeType(mime: string): void {
    this.log.push(`type ${mime}`);
  }
  appendBuffer(data: ArrayBuffer | Uint8Array): void {
    const [first = 0] = new Uint8Array(data instanceof Uint8Array ? data : new Uint8Array(data));
    const seconds = first >= 200 ? 0 : data.byteLength;
    const [start, end] = this.range ?? [0, 0];
    if (end - start + seconds > this.roomS) throw new DOMException('full', 'QuotaExceededError');
    this.log.push(first >= 200 ? `init ${first - 200}` : `media ${first}`);
    if (seconds > 0) this.range = [start, end + seconds];
    this.updating = true;
  }
  remove(start: number, end: number): void {
    this.log.push(`remove ${start} ${end}`);
    const [from, to] = this.range ?? [0, 0];
    this.range = end >= to ? undefined : [Math.max(from, end), to];
    this.updating = true;
  }
  finish(): void {
    this.updating = false;
    this.dispatchEvent(new Event('updateend'));
  }
  finishAll(): void {
    for (let i = 0; this.updating && i < 100; i++) this.finish();
  }
}

function setUp(queue = new AppendQueue()) {
  const source = new FakeSourceBuffer();
  const state = { positionMs: 0, failed: '' };
  const buffer = new MediaBuffer(
    source as unknown as SourceBufferLike,
    {
      positionMs: () => state.positionMs,
      place: ([first], endMs = 0) => (first?.take === 0 ? 0 : endMs),
      changed: () => undefined,
      failed: (reason) => (state.failed = reason),
    },
    queue,
  );
  return { source, state, buffer };
}

const init = (take: number, mime = 'video/webm'): QueuedInit => ({
  kind: 'init',
  take,
  mime,
  data: new Uint8Array([200 + take]).buffer,
});
const chunk = (id: number, seconds: number, take = 0): QueuedChunk => ({
  kind: 'media',
  take,
  key: true,
  times: { take, pts_ms: 0, duration_ms: seconds * 1_000 },
  arrivedAtMs: 0,
  data: new Uint8Array(seconds).fill(id).buffer,
});

describe('MediaBuffer', () => {
  it('appends one item at a time, in order', () => {
    const { source, buffer } = setUp();
    buffer.push(init(0));
    buffer.push(chunk(1, 1));
    expect(source.log).toEqual(['init 0']);
    source.finish();
    expect(source.log).toEqual(['init 0', 'media 1']);
    expect(buffer.isIdle).toBe(false);
    source.finish();
    expect(buffer.isIdle).toBe(true);
    expect(buffer.ranges).toEqual([{ startMs: 0, endMs: 1_000 }]);
  });

  it('opens a new take with abort, type, init and offset, in this order', () => {
    const { source, buffer } = setUp();
    for (const item of [init(0), chunk(1, 4), init(1, 'video/mp4'), chunk(2, 1, 1)]) buffer.push(item);
    source.finishAll();
    expect(source.log).toEqual(['init 0', 'media 1', 'abort', 'type video/mp4', 'init 1', 'offset 4', 'media 2']);
  });

  it('keeps ten seconds behind the playhead', () => {
    const { source, state, buffer } = setUp();
    buffer.push(init(0));
    buffer.push(chunk(1, 30));
    source.finishAll();
    state.positionMs = 25_000;
    buffer.push(chunk(2, 1));
    source.finishAll();
    expect(source.log).toEqual(['init 0', 'media 1', 'remove 0 15', 'media 2']);
  });

  it('does not buffer the whole stream during a pause', () => {
    const { source, buffer } = setUp();
    buffer.push(init(0));
    for (let id = 1; id <= 100; id++) {
      buffer.push(chunk(id, 1));
      source.finishAll();
    }
    const [{ startMs, endMs }] = buffer.ranges as [{ startMs: number; endMs: number }];
    expect(endMs).toBe(100_000);
    expect(endMs - startMs).toBeLessThanOrEqual(31_000);
  });

  it('removes the past when the browser is full, and appends again', () => {
    const { source, state, buffer } = setUp();
    source.roomS = 12;
    buffer.push(init(0));
    buffer.push(chunk(1, 12));
    source.finishAll();
    state.positionMs = 11_000;
    buffer.push(chunk(2, 3));
    source.finishAll();
    expect(source.log.slice(2)).toEqual(['remove 0 9', 'media 2']);
    expect(state.failed).toBe('');
  });

  it('restarts at the newest group when the buffer ahead of the playhead is full', () => {
    const { source, state, buffer } = setUp();
    source.roomS = 12;
    buffer.push(init(0));
    buffer.push(chunk(1, 12));
    source.finishAll();
    buffer.push(chunk(2, 3));
    buffer.push(chunk(3, 3));
    source.finishAll();
    expect(source.log.slice(2)).toEqual(['remove 0 13', 'media 3']);
    expect(state.failed).toBe('');
  });

  it('reports media that the browser refuses, once, and then stops', () => {
    const { source, state, buffer } = setUp();
    buffer.push(init(0));
    source.dispatchEvent(new Event('error'));
    expect(state.failed).not.toBe('');
    source.updating = false;
    buffer.push(chunk(1, 1));
    expect(source.log).toEqual(['init 0']);
  });
});
