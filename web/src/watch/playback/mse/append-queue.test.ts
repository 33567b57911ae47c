// The queue keeps order and init segments. After an overflow, the rest begins with a keyframe.

import { describe, expect, it } from 'vitest';
import { AppendQueue, type QueuedChunk, type QueuedInit } from './append-queue';

const init = (take: number): QueuedInit => ({ kind: 'init', take, mime: 'video/webm', data: bytes(10, 200 + take) });
const chunk = (take: number, id: number, key: boolean, size = 100): QueuedChunk => ({
  kind: 'media',
  take,
  key,
  times: { take, pts_ms: 0, duration_ms: 0 },
  arrivedAtMs: 0,
  data: bytes(size, id),
});

function bytes(size: number, value: number): ArrayBuffer {
  return new Uint8Array(size).fill(value).buffer;
}

/** Empties the queue; each item becomes the value of its bytes. */
function drained(queue: AppendQueue): number[] {
  const values: number[] = [];
  for (let batch = queue.shift(); batch; batch = queue.shift()) {
    const all = new Uint8Array(batch.data);
    for (let at = 0; at < all.length; at += batch.kind === 'init' ? 10 : 100) values.push(all[at] ?? -1);
  }
  return values;
}

describe('AppendQueue', () => {
  it('returns everything in order', () => {
    const queue = new AppendQueue();
    for (const item of [init(0), chunk(0, 1, true), chunk(0, 2, false), init(1), chunk(1, 3, true)]) queue.push(item);
    expect(drained(queue)).toEqual([200, 1, 2, 201, 3]);
    expect(queue.isEmpty).toBe(true);
  });

  it('appends the chunks of one take together, but never those of two', () => {
    const queue = new AppendQueue();
    for (const item of [chunk(0, 1, true), chunk(0, 2, false), chunk(1, 3, true)]) queue.push(item);
    expect(queue.shift()).toMatchObject({ chunks: [{ take: 0 }, { take: 0 }], data: { byteLength: 200 } });
    expect(queue.shift()).toMatchObject({ chunks: [{ take: 1 }], data: { byteLength: 100 } });
  });

  it('continues at the newest keyframe when it overflows', () => {
    const queue = new AppendQueue(450);
    for (const [id, key] of [
      [1, true],
      [2, false],
      [3, true],
      [4, false],
    ] as const)
      queue.push(chunk(0, id, key));
    queue.push(chunk(0, 5, false));
    expect(drained(queue)).toEqual([3, 4, 5]);
  });

  it('drops everything up to the next keyframe when one group alone is too much', () => {
    const queue = new AppendQueue(250);
    queue.push(init(0));
    for (let id = 1; id <= 4; id++) queue.push(chunk(0, id, id === 1));
    queue.push(chunk(0, 5, false));
    queue.push(chunk(0, 6, true));
    queue.push(chunk(0, 7, false));
    expect(drained(queue)).toEqual([200, 6, 7]);
  });

  it('keeps the init segment of the chunks it keeps', () => {
    const queue = new AppendQueue(350);
    for (const item of [init(0), chunk(0, 1, true), init(1), chunk(1, 2, true)]) queue.push(item);
    for (const item of [chunk(1, 3, true), chunk(1, 4, false)]) queue.push(item);
    expect(drained(queue)).toEqual([201, 3, 4]);
  });
});
