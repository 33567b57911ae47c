// Frames and bytes per second, as shown to broadcasters.

import { expect, it } from 'vitest';
import { Rate } from './rate';

it('is unknown at first, then covers the last seconds', () => {
  const rate = new Rate();
  expect(rate.perSecond(0)).toBeUndefined();
  for (let atMs = 0; atMs <= 10_000; atMs += 100) rate.add(3, atMs);
  expect(rate.perSecond(10_000)).toBeCloseTo(30, 0);
  for (let atMs = 10_100; atMs <= 16_000; atMs += 100) rate.add(1, atMs);
  expect(rate.perSecond(16_000)).toBeCloseTo(10, 0);
});

it('is unknown in the first two seconds, and falls to 0 when nothing arrives', () => {
  const rate = new Rate();
  rate.add(100, 5_000);
  expect(rate.perSecond(6_900)).toBeUndefined();
  expect(rate.perSecond(7_000)).toBe(50);
  expect(rate.perSecond(60_000)).toBe(0);
});
