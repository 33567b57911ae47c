// A media element is kept on the timeline by inaudible changes of the rate, without oscillation, and with few jumps.

import { describe, expect, it } from 'vitest';
import { Drift, Lead } from './drift';
import { random } from './fake-timers';

interface Model {
  /** Initial lateness. */
  lateMs: number;
  /** Resolution of the reported position, and its noise. */
  stepMs: number;
  noiseMs?: number;
  /** Delay until a change of the rate takes effect. */
  lagMs?: number;
  /** Time lost by each correction. */
  costMs?: number;
  /** Sound dropped by each correction, which the reported position does not count. */
  cutMs?: number;
  /** Speed error of the sound card. */
  ppm?: number;
  /** Lateness after a jump. */
  landsLateMs?: number;
  seed?: number;
}

/** Plays for `seconds`, and returns the true lateness and the rates at each of about 25 steps a second. */
function play(
  { lateMs, stepMs, noiseMs = 0, lagMs = 0, costMs = 0, cutMs = 0, ppm = 0, landsLateMs = 20, seed = 1 }: Model,
  seconds: number,
) {
  const drift = new Drift(cutMs);
  const next = random(seed);
  const rates: { atMs: number; rate: number }[] = [{ atMs: 0, rate: 1 }];
  const seen: { nowMs: number; lateMs: number; rate: number }[] = [];
  let jumps = 0;
  let lookMs = 0;
  let position = -lateMs;
  let droppedMs = 0;
  drift.started(0);
  for (let nowMs = 0; nowMs < seconds * 1_000; nowMs++) {
    const rate = rates.findLast(({ atMs }) => atMs + lagMs <= nowMs)?.rate ?? 1;
    position += rate * (1 + ppm / 1e6);
    if (nowMs < lookMs) continue;
    lookMs += 25 + Math.floor(next() * 20);
    const told = (stepMs > 0 ? Math.floor(position / stepMs) * stepMs : position) + (next() - 0.5) * noiseMs;
    const correction = drift.observe(nowMs - told, nowMs);
    if (correction.kind === 'jump') {
      jumps++;
      position = nowMs - landsLateMs;
      droppedMs = 0;
    } else if (correction.rate !== rates.at(-1)?.rate) {
      rates.push({ atMs: nowMs, rate: correction.rate });
      if (correction.rate === 1) {
        position -= costMs;
        droppedMs += cutMs;
      }
    }
    seen.push({ nowMs, lateMs: nowMs - position - droppedMs, rate: rates.at(-1)?.rate ?? 1 });
  }
  return { seen, jumps, changes: rates.length - 1, drift };
}

const after = (seen: { nowMs: number; lateMs: number }[], ms: number): number[] =>
  seen.filter(({ nowMs }) => nowMs >= ms).map(({ lateMs }) => Math.abs(lateMs));

const BROWSERS = [
  { stepMs: 0, noiseMs: 6, lagMs: 100 },
  { stepMs: 40, lagMs: 200 },
];

describe.each(BROWSERS)('%o', (browser) => {
  it.each([-60, -30, 25, 65])('a start that is %i ms late is caught up by the rate within seconds', (lateMs) => {
    const { seen, jumps } = play({ ...browser, lateMs }, 60);
    expect(jumps).toBe(0);
    expect(Math.max(...after(seen, 10_000))).toBeLessThan(20);
    expect(Math.max(...seen.map(({ rate }) => Math.abs(rate - 1)))).toBeLessThanOrEqual(0.0201);
  });

  it.each([120, 700, -400])('a start that is %i ms late is corrected by one jump', (lateMs) => {
    const { seen, jumps } = play({ ...browser, lateMs }, 30);
    expect(jumps).toBe(1);
    expect(Math.max(...after(seen, 8_000))).toBeLessThan(20);
  });

  it('changes nothing once it is right', () => {
    const { seen, changes } = play({ ...browser, lateMs: 20 }, 300);
    expect(changes).toBeLessThanOrEqual(20);
    expect(Math.max(...after(seen, 10_000))).toBeLessThan(20);
  });

  it('follows a sound card that is too fast', () => {
    const { seen, jumps } = play({ ...browser, lateMs: 0, ppm: 200 }, 300);
    expect(jumps).toBe(0);
    expect(Math.max(...after(seen, 10_000))).toBeLessThan(25);
  });
});

it.each([-40, 19, 60])('learns the cost of a correction, and converges from %i ms late', (lateMs) => {
  const { seen, changes } = play({ lateMs, stepMs: 0, noiseMs: 6, lagMs: 100, costMs: 24 }, 60);
  expect(Math.max(...after(seen, 20_000))).toBeLessThan(12);
  expect(changes).toBeLessThan(16);
});

it.each([-40, 10, 19, 60])('counts the sound that corrections drop, and converges from %i ms late', (lateMs) => {
  const { seen, changes, drift } = play({ lateMs, stepMs: 40, lagMs: 200, cutMs: 20 }, 60);
  expect(Math.max(...after(seen, 10_000))).toBeLessThan(20);
  expect(changes).toBeLessThan(16);
  expect(Math.abs((drift.lateMs ?? NaN) - (seen.at(-1)?.lateMs ?? NaN))).toBeLessThan(12);
});

it('jumps seldom if jumps do not help', () => {
  const { jumps } = play({ lateMs: 400, stepMs: 0, landsLateMs: 400 }, 60);
  expect(jumps).toBeLessThanOrEqual(12);
});

it('learns how much earlier to start', () => {
  const lead = new Lead(0);
  for (let i = 0; i < 12; i++) lead.learn(80 - lead.ms);
  expect(lead.ms).toBeCloseTo(80, 0);
  lead.learn(10_000);
  expect(lead.ms).toBe(400);
});
