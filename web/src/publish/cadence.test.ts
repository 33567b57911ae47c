// Repeats: none while the picture moves, regular while it is still, and with increasing timestamps.

import { describe, expect, it } from 'vitest';
import { Cadence } from './cadence';

/** The repeats as [time in ms, timestamp in µs], polled every 10 ms until `endMs`. */
function repeats(cadence: Cadence, fromMs: number, endMs: number): [number, number][] {
  const seen: [number, number][] = [];
  for (let nowMs = fromMs; nowMs < endMs; nowMs += 10) {
    const us = cadence.due(nowMs);
    if (us !== undefined) seen.push([nowMs, us]);
  }
  return seen;
}

describe('Cadence', () => {
  it('repeats nothing before the first picture', () => {
    expect(repeats(new Cadence(), 0, 2000)).toEqual([]);
  });

  it('repeats nothing while pictures come, even slowly', () => {
    const cadence = new Cadence();
    for (let nowMs = 0; nowMs < 2000; nowMs += 200) {
      cadence.passed(nowMs, nowMs * 1000);
      expect(repeats(cadence, nowMs, nowMs + 200)).toEqual([]);
    }
  });

  it('repeats a still picture about nine times a second, with timestamps in step with time', () => {
    const cadence = new Cadence();
    cadence.passed(1000, 5_000_000);
    expect(repeats(cadence, 1000, 1500)).toEqual([
      [1240, 5_240_000],
      [1350, 5_350_000],
      [1460, 5_460_000],
    ]);
  });

  it('stops as soon as the next picture comes', () => {
    const cadence = new Cadence();
    cadence.passed(0, 0);
    repeats(cadence, 0, 500);
    cadence.passed(500, 500_000);
    expect(repeats(cadence, 500, 730)).toEqual([]);
  });
});
