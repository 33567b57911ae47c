// A latency from capture times is correct or absent, even if clocks are set or computers sleep or pause.

import { expect, it } from 'vitest';
import { CaptureCheck } from './capture-check';

/** A broadcaster and a viewer, each with an own estimate of a server's clock. Chunks come every 100 ms. */
function world() {
  const state = {
    /** True time since the start, as shown by the viewer's clock. */
    ms: 0,
    ptsMs: 0,
    /** How far the server's clock is ahead, and what either side believes about it. */
    server: 5_000,
    broadcaster: 5_000,
    asked: 0,
  };
  const clock = { offsetMs: 5_000 as number | undefined, uncertaintyMs: 2, exchanges: 1 };
  const check = new CaptureCheck(clock, () => state.asked++);
  const exchange = (): void => {
    clock.offsetMs = state.server;
    clock.exchanges++;
  };
  /** Whether the next chunk is believed, and how wrong a latency would then be. */
  const chunk = (take = 0): { believed: boolean; errorMs: number } => {
    state.ms += 100;
    state.ptsMs += 100;
    const capturedAtMs = state.ms - 300 + state.broadcaster;
    const believed = check.believes({ take, ptsMs: state.ptsMs, capturedAtMs, arrivedAtMs: state.ms });
    return { believed, errorMs: Math.abs(state.broadcaster - (clock.offsetMs ?? NaN)) };
  };
  /** Counts the believed chunks among so many, and fails if one is wrong. */
  const believed = (chunks: number): number => {
    let count = 0;
    for (let i = 0; i < chunks; i++) {
      const { believed: yes, errorMs } = chunk();
      if (yes && errorMs > 150) throw new Error(`a latency wrong by ${errorMs} ms was believed`);
      if (yes) count++;
    }
    return count;
  };
  return { state, clock, check, exchange, chunk, believed };
}

it('believes regular times, and requests no exchange', () => {
  const { state, believed } = world();
  expect(believed(1_000)).toBe(1_000);
  expect(state.asked).toBe(0);
});

it('immediately believes times after a pause in the media', () => {
  const { state, believed } = world();
  believed(100);
  state.ms += 20_000;
  expect(believed(100)).toBe(100);
  expect(state.asked).toBe(0);
});

it.each([5_000, -5_000, 700])(
  'doubts while the server’s clock was set by %i ms and only the broadcaster knows',
  (step) => {
    const { state, exchange, believed } = world();
    believed(100);
    state.server += step;
    expect(believed(20)).toBe(20);
    state.broadcaster = state.server;
    expect(believed(3)).toBe(0);
    expect(state.asked).toBe(1);
    exchange();
    expect(believed(50)).toBe(50);
  },
);

it.each([5_000, -5_000, 700])('doubts while the server’s clock was set by %i ms and only the viewer knows', (step) => {
  const { state, exchange, believed } = world();
  believed(100);
  state.server += step;
  exchange();
  expect(believed(30)).toBe(0);
  exchange();
  expect(believed(30)).toBe(0);
  state.broadcaster = state.server;
  expect(believed(50)).toBe(50);
});

it('believes a broadcaster that corrected itself, once an exchange shows that this page was right', () => {
  const { state, exchange, chunk, believed } = world();
  state.broadcaster = state.server - 20_000;
  chunk();
  believed(0);
  state.broadcaster = state.server;
  expect(chunk().believed).toBe(false);
  exchange();
  expect(believed(50)).toBe(50);
});

it('doubts nothing without the server’s clock, and restarts once it is known', () => {
  const { state, clock, chunk, believed } = world();
  believed(10);
  clock.offsetMs = undefined;
  expect(chunk().believed).toBe(true);
  // This computer slept, so its clock stood still.
  state.server += 3_000;
  state.broadcaster += 3_000;
  clock.offsetMs = state.server;
  expect(believed(20)).toBe(20);
});

it('does not doubt for ever, nor across takes', () => {
  const { state, chunk, believed } = world();
  believed(10);
  state.broadcaster += 9_000;
  expect(believed(100)).toBe(0);
  for (let i = 0; i < 60; i++) chunk();
  expect(chunk().believed).toBe(true);
  state.broadcaster += 9_000;
  expect(chunk().believed).toBe(false);
  expect(chunk(1).believed).toBe(true);
});
