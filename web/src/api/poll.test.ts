// How often a page polls, counted over hours of fake time.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import { FakeSight } from './fake-sight';
import { Poll } from './poll';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const MINUTE = 60_000;

function poll(everyMs: number, problem?: Error) {
  const world = { asked: 0, problem: problem, sight: new FakeSight() };
  const look = (): Promise<void> => {
    world.asked++;
    return world.problem === undefined ? Promise.resolve() : Promise.reject(world.problem);
  };
  return { poll: new Poll(everyMs, look, world.sight), world };
}

describe('Poll', () => {
  it('asks at once, then about as often as set, and not in step with other pages', async () => {
    const pages = Array.from({ length: 20 }, () => poll(MINUTE));
    expect(pages.map(({ world }) => world.asked)).toEqual(Array(20).fill(1));
    await vi.advanceTimersByTimeAsync(MINUTE);
    const early = pages.filter(({ world }) => world.asked === 2).length;
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(20);
    await vi.advanceTimersByTimeAsync(59 * MINUTE);
    const all = pages.reduce((sum, { world }) => sum + world.asked, 0);
    expect(all / 20).toBeGreaterThan(50);
    expect(all / 20).toBeLessThan(72);
    pages.forEach((page) => page.poll.stop());
  });

  it('asks nothing while the page is hidden, and at once when it becomes visible, if it is due', async () => {
    const { poll: running, world } = poll(MINUTE);
    await vi.advanceTimersByTimeAsync(1_000);
    world.sight.show(false);
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(world.asked).toBe(1);
    world.sight.show(true);
    expect(world.asked).toBe(2);
    await vi.advanceTimersByTimeAsync(1_000);
    world.sight.show(false);
    world.sight.show(true);
    expect(world.asked).toBe(2);
    running.stop();
  });

  it('asks less and less often while calls fail, and as before once they succeed', async () => {
    const { poll: running, world } = poll(2_000, new Error('down'));
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    expect(world.asked).toBeGreaterThan(20);
    expect(world.asked).toBeLessThan(70);
    world.problem = undefined;
    const failed = world.asked;
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    // The last pause, at most a minute, precedes these calls.
    expect(world.asked - failed).toBeGreaterThan(20);
    running.stop();
  });

  it('never asks before Retry-After', async () => {
    const { poll: running, world } = poll(2_000, new CallError('limit_reached', 'full', { retryAfterMs: MINUTE }));
    await vi.advanceTimersByTimeAsync(MINUTE - 1);
    expect(world.asked).toBe(1);
    await vi.advanceTimersByTimeAsync(9 * MINUTE);
    expect(world.asked).toBeGreaterThan(5);
    expect(world.asked).toBeLessThan(12);
    running.stop();
  });

  it('asks nothing once stopped, even if that happens during a call', async () => {
    const { poll: running, world } = poll(2_000);
    running.stop();
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    world.sight.show(false);
    world.sight.show(true);
    expect(world.asked).toBe(1);
  });
});
