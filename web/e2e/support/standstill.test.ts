// A standstill counts, whether a picture or the end of the observation ends it.
import { expect, test } from 'vitest';

import { longestStandstillMs } from './standstill.ts';

/** A new picture every 100 ms at these times. */
function pictures(...stretches: [number, number][]): { counter: number; shownMs: number }[] {
  const times = stretches.flatMap(([from, to]) => Array.from({ length: (to - from) / 100 }, (_, i) => from + i * 100));
  return times.map((shownMs, counter) => ({ counter, shownMs }));
}

test.each([
  ['in the middle', pictures([0, 1_500], [4_000, 5_000]), 2_600],
  ['until the window ends', pictures([0, 1_500]), 3_600],
  ['from the beginning', pictures([4_200, 5_000]), 4_200],
  ['all the time', [], 5_000],
  ['never', pictures([0, 5_000]), 100],
])('a standstill %s', (_, sights, expected) => {
  expect(longestStandstillMs(sights, 0, 5_000)).toBe(expected);
});

test('the same picture shown again does not end a standstill', () => {
  const still = Array.from({ length: 50 }, (_, i) => ({ counter: 7, shownMs: i * 100 }));
  expect(longestStandstillMs(still, 0, 5_000)).toBe(5_000);
});
