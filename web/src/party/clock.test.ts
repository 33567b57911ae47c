// The server's clock is known exactly enough for synchronised playback, whatever the local clock shows and however
// unevenly packets travel.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import { PartyClock } from './clock';
import { FakeTimers, random } from './fake-timers';

/** A member's network and clocks. */
interface World {
  /** The member's initial clock minus the server's. */
  wrongMs: number;
  /** How much faster the member's clock runs. */
  ppm?: number;
  /** Durations of the trips there and back. */
  there: () => number;
  back: () => number;
}

const SERVER_MS = 1_790_000_000_000;

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

function open({ wrongMs, ppm = 0, there, back }: World) {
  /** How long the local clock stood still so far, and by how much the wall clock was set. */
  const slept = { ms: 0 };
  const told = { slept: 0 };
  const set = { ms: 0 };
  const isDown = { now: false };
  const trueMs = (): number => SERVER_MS + Date.now();
  const wallNow = (): number => SERVER_MS + Date.now() * (1 + ppm / 1e6) + wrongMs + set.ms;
  const now = (): number => wallNow() - set.ms - slept.ms;
  const travel = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const ask = async (t0_ms: number) => {
    if (isDown.now) throw new CallError('unreachable', 'down');
    await travel(there());
    const t1_ms = trueMs();
    await travel(1);
    const t2_ms = trueMs();
    await travel(back());
    return { t0_ms, t1_ms, t2_ms };
  };
  const clock = new PartyClock({ ask, now, wallNow, timers: new FakeTimers(), slept: () => told.slept++ });
  clock.open();
  const errorMs = (): number => (clock.serverMs() ?? NaN) - trueMs();
  return { clock, errorMs, slept, told, set, isDown, trueMs };
}

/** The largest error, sampled twice a second. */
async function worst(errorMs: () => number, forMs: number): Promise<number> {
  let most = 0;
  for (let ms = 0; ms < forMs; ms += 500) {
    await vi.advanceTimersByTimeAsync(500);
    most = Math.max(most, Math.abs(errorMs()));
  }
  return most;
}

const uniform = (seed: number, least: number, most: number): (() => number) => {
  const next = random(seed);
  return () => least + (most - least) * next();
};

describe('a clock 3 h off with trips of 200 ms, 80 ms more or less', () => {
  it('is known within 60 ms, soon and always', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { clock, errorMs } = open({
        wrongMs: (seed % 2 === 0 ? 3 : -3) * 3_600_000,
        there: uniform(seed, 60, 140),
        back: uniform(seed + 1_000, 60, 140),
      });
      await vi.advanceTimersByTimeAsync(3_500);
      expect(await worst(errorMs, 120_000)).toBeLessThan(60);
      clock.close();
    }
  });

  it('is known within 60 ms if all jitter is in one direction', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { clock, errorMs } = open({
        wrongMs: 3 * 3_600_000,
        there: uniform(seed, 60, 220),
        back: () => 60,
      });
      await vi.advanceTimersByTimeAsync(3_500);
      expect(await worst(errorMs, 120_000)).toBeLessThan(60);
      clock.close();
    }
  });

  it('is known within a few ms after a minute', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { clock, errorMs } = open({ wrongMs: 0, there: uniform(seed, 60, 140), back: uniform(seed + 99, 60, 140) });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(Math.abs(errorMs())).toBeLessThan(20);
      clock.close();
    }
  });
});

it('follows a clock that runs faster, between exchanges too', async () => {
  const { clock, errorMs } = open({ wrongMs: 0, ppm: 80, there: () => 20, back: () => 20 });
  await vi.advanceTimersByTimeAsync(180_000);
  expect(await worst(errorMs, 300_000)).toBeLessThan(3);
  clock.close();
});

it('knows nothing just after sleep, reports it once, and recovers within seconds', async () => {
  const { clock, errorMs, slept, told } = open({ wrongMs: 0, there: () => 20, back: () => 25 });
  await vi.advanceTimersByTimeAsync(30_000);
  slept.ms += 3_600_000;
  expect(clock.serverMs()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(Math.abs(errorMs())).toBeLessThan(10);
  expect(told.slept).toBe(1);
  clock.close();
});

it('ignores an exchange during which the computer slept, reports it, and asks again at once', async () => {
  let asked = 0;
  const there = (): number => {
    asked++;
    return 20;
  };
  const { clock, errorMs, slept, told } = open({ wrongMs: 0, there, back: () => 25 });
  await vi.advanceTimersByTimeAsync(30_000);
  const before = asked;
  for (let ms = 0; asked === before && ms < 6_000; ms++) await vi.advanceTimersByTimeAsync(1);
  slept.ms += 3_600_000;
  await vi.advanceTimersByTimeAsync(100);
  expect(clock.serverMs()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(Math.abs(errorMs())).toBeLessThan(10);
  expect(told.slept).toBe(1);
  clock.close();
});

it('does not move with a wall clock that is set', async () => {
  const { clock, errorMs, set } = open({ wrongMs: 0, there: () => 20, back: () => 20 });
  await vi.advanceTimersByTimeAsync(30_000);
  set.ms = -7_200_000;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(Math.abs(errorMs())).toBeLessThan(5);
  clock.close();
});

it('continues with its estimate while the server does not answer', async () => {
  const { clock, errorMs, isDown } = open({ wrongMs: 500, there: () => 20, back: () => 20 });
  await vi.advanceTimersByTimeAsync(10_000);
  isDown.now = true;
  expect(await worst(errorMs, 60_000)).toBeLessThan(5);
  clock.close();
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
});

it('converts a time of the server to the local clock', async () => {
  const { clock, trueMs } = open({ wrongMs: 3_600_000, there: () => 20, back: () => 20 });
  await vi.advanceTimersByTimeAsync(5_000);
  expect((clock.localMs(trueMs() + 1_000) ?? 0) - (trueMs() + 3_600_000)).toBeCloseTo(1_000, 0);
  clock.close();
});
