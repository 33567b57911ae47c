// The clock estimate is exact for symmetric trips, bounded for others, and follows drift.

import { describe, expect, it } from 'vitest';
import type { ClockAnswer } from '../protocol/event';
import { ServerClock, clockSample } from './clock';

/** A server whose clock is `ahead` ms ahead of a local clock, which moves with each trip. */
function world(ahead: number, trips: { there: number; back: number }[]) {
  let local = 1000;
  const ask = (t0_ms: number): Promise<ClockAnswer> => {
    const trip = trips.shift() ?? { there: 1, back: 1 };
    local += trip.there;
    const t1_ms = local + ahead;
    local += 3; // server processing time
    const t2_ms = local + ahead;
    local += trip.back;
    return Promise.resolve({ t0_ms, t1_ms, t2_ms });
  };
  return { ask, now: () => local };
}

describe('clockSample', () => {
  it('is exact when both directions take equally long', () => {
    const sample = clockSample({ t0_ms: 100, t1_ms: 5110, t2_ms: 5115 }, 125);
    expect(sample).toEqual({ offsetMs: 5000, roundTripMs: 20 });
  });
});

describe('ServerClock', () => {
  it('knows nothing before the first sample', () => {
    expect(new ServerClock().serverMs()).toBeUndefined();
  });

  it('uses the exchange with the shortest round trip', async () => {
    const { ask, now } = world(5000, [
      { there: 80, back: 2 },
      { there: 4, back: 4 },
      { there: 1, back: 120 },
    ]);
    const clock = new ServerClock(now);
    await clock.sync(ask, 3);
    expect(clock.offsetMs).toBe(5000);
    expect(clock.uncertaintyMs).toBe(4);
    expect(clock.serverMs(2000)).toBe(7000);
  });

  it('never has a larger error than it reports', async () => {
    const { ask, now } = world(-700, [{ there: 60, back: 10 }]);
    const clock = new ServerClock(now);
    await clock.sync(ask, 1);
    expect(Math.abs((clock.offsetMs ?? NaN) + 700)).toBeLessThanOrEqual(clock.uncertaintyMs ?? NaN);
  });

  it('follows a drifting clock once old samples are dropped', () => {
    const clock = new ServerClock();
    clock.add({ offsetMs: 10, roundTripMs: 1 });
    for (let i = 0; i < 16; i++) clock.add({ offsetMs: 30, roundTripMs: 5 });
    expect(clock.offsetMs).toBe(30);
  });

  it('knows nothing after the computer slept or its clock was set, until the next exchange', () => {
    const local = { ms: 1_000, wallMs: 500 };
    const clock = new ServerClock(
      () => local.ms,
      () => local.wallMs,
    );
    clock.add({ offsetMs: 10, roundTripMs: 1 });
    local.ms += 5_000;
    local.wallMs += 5_100;
    expect([clock.isOutdated, clock.offsetMs]).toEqual([false, 10]);
    local.wallMs += 3_000;
    expect([clock.isOutdated, clock.offsetMs, clock.serverMs()]).toEqual([true, undefined, undefined]);
    clock.add({ offsetMs: 3_010, roundTripMs: 50 });
    expect([clock.isOutdated, clock.offsetMs, clock.exchanges]).toEqual([false, 3_010, 2]);
  });
});
