// What a karaoke player reads of a stem before it plays.

import { expect, it } from 'vitest';
import { fakeInit } from '../audio/fake-fragment';
import { FakeStore, manifestOf } from '../library/fake-library';
import type { Fetcher } from '../library/fetcher';
import { rateOf, stemPlan } from './stem-plan';

const manifest = manifestOf([new FakeStore().take('s', 'audio/mp4; codecs="flac"', 3)]);

function fetcherOf(init: Uint8Array<ArrayBuffer>): Pick<Fetcher, 'open'> {
  return { open: () => ({ bytes: () => Promise.resolve(init), close: () => undefined }) as never };
}

it('reads the rate of the sound from the media', async () => {
  const plan = stemPlan(manifest, () => true);
  expect(plan.pieces).toHaveLength(3);
  expect(await rateOf(plan, fetcherOf(fakeInit(44_100)))).toBe(44_100);
  // A rate that no context supports, or none at all.
  expect(await rateOf(plan, fetcherOf(fakeInit(4_000_000)))).toBe(48_000);
  expect(await rateOf(plan, fetcherOf(new Uint8Array()))).toBe(48_000);
});

it('reports a stem that the browser cannot play, or that has no media', () => {
  expect(() => stemPlan(manifest, () => false)).toThrow(expect.objectContaining({ code: 'unsupported_media' }));
  expect(() => stemPlan(manifestOf([]), () => true)).toThrow(expect.objectContaining({ code: 'item_not_ready' }));
});
