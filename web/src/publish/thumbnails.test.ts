// Preview pictures are sent soon after the start, then every few seconds, and no more once closed.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MAX_THUMBNAIL_BYTES } from '../protocol/stream';
import { Thumbnails } from './thumbnails';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setUp(
  picture: () => Blob | undefined | Promise<Blob>,
  accepts: () => Promise<boolean> = () => Promise.resolve(true),
) {
  const sent: number[] = [];
  const thumbnails = new Thumbnails(
    async () => await picture(),
    (blob) => {
      sent.push(blob.size);
      return accepts();
    },
  );
  return { thumbnails, sent };
}

it('sends the first picture soon, and others now and then', async () => {
  const { thumbnails, sent } = setUp(() => new Blob(['abc']));
  await vi.advanceTimersByTimeAsync(500);
  expect(sent).toEqual([3]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toHaveLength(3);
  thumbnails.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(3);
});

it('retries soon while there is no picture, or it is too early to send one', async () => {
  let [picture, early]: [Blob | undefined, boolean] = [undefined, true];
  const { thumbnails, sent } = setUp(
    () => picture,
    () => Promise.resolve(!early),
  );
  await vi.advanceTimersByTimeAsync(2_000);
  expect(sent).toEqual([]);
  picture = new Blob(['abc']);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sent.length).toBeGreaterThan(1);
  early = false;
  await vi.advanceTimersByTimeAsync(1_000);
  const count = sent.length;
  await vi.advanceTimersByTimeAsync(4_000);
  expect(sent).toHaveLength(count);
  thumbnails.close();
});

it('skips pictures that are too large, and does not repeat those that failed', async () => {
  const large = setUp(() => new Blob([new Uint8Array(MAX_THUMBNAIL_BYTES + 1)]));
  const failing = setUp(
    () => new Blob(['abc']),
    () => Promise.reject(new Error('offline')),
  );
  await vi.advanceTimersByTimeAsync(4_000);
  expect([large.sent, failing.sent]).toEqual([[], [3]]);
  large.thumbnails.close();
  failing.thumbnails.close();
});

it('does not send a picture that was still being created when it was closed', async () => {
  let made: (picture: Blob) => void = () => undefined;
  const { thumbnails, sent } = setUp(() => new Promise((resolve) => (made = resolve)));
  await vi.advanceTimersByTimeAsync(500);
  thumbnails.close();
  made(new Blob(['abc']));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toEqual([]);
});
