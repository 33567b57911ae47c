// The server's time on computers whose clock is wrong, was set, or slept.

import { describe, expect, it } from 'vitest';
import { ServerTime } from './server-time';

const NOON = Date.parse('2026-11-28T12:00:00Z');

/** A computer whose wall clock is `wrongMs` off. */
function computer(wrongMs: number) {
  const clocks = { trueMs: NOON, wrongMs, sleptMs: 0 };
  const time = new ServerTime(
    () => clocks.trueMs + clocks.wrongMs,
    () => clocks.trueMs - clocks.sleptMs + 77,
  );
  const answer = (tripMs = 20): void => time.observe(new Date(clocks.trueMs - tripMs / 2).toUTCString(), tripMs);
  const error = (): number => Math.abs(time.nowMs() - clocks.trueMs);
  return { clocks, time, answer, error };
}

describe('ServerTime', () => {
  it('is the local clock before the first answer', () => {
    const { time, clocks } = computer(5_000);
    expect(time.nowMs()).toBe(clocks.trueMs + 5_000);
    time.observe(null, 0);
    time.observe('yesterday', 0);
    expect(time.nowMs()).toBe(clocks.trueMs + 5_000);
  });

  it.each([-3, 0, 3])('is right within a second on a computer %i hours off', (hours) => {
    const { clocks, answer, error } = computer(hours * 3_600_000);
    for (let ms = 0; ms < 3_000; ms += 130) {
      clocks.trueMs += 130;
      answer();
      expect(error()).toBeLessThanOrEqual(1_010);
    }
  });

  it('does not jump back and forth between answers that agree', () => {
    const { clocks, time, answer } = computer(-3_600_000);
    answer();
    const ahead = time.nowMs() - clocks.trueMs;
    for (let i = 0; i < 20; i++) {
      clocks.trueMs += 377;
      answer();
      expect(time.nowMs() - clocks.trueMs).toBe(ahead);
    }
  });

  it('includes the time during which the computer slept', () => {
    const { clocks, answer, error } = computer(60_000);
    answer();
    clocks.trueMs += 7_200_000;
    clocks.sleptMs += 7_200_000;
    expect(error()).toBeLessThanOrEqual(1_000);
  });

  it('does not follow a wall clock that is set back, and follows the next answer', () => {
    const { clocks, answer, error } = computer(3 * 3_600_000);
    answer();
    clocks.wrongMs = 0;
    expect(error()).toBeLessThanOrEqual(1_000);
    clocks.wrongMs = 5 * 3_600_000;
    answer();
    expect(error()).toBeLessThanOrEqual(1_000);
  });
});
