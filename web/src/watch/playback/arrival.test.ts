// The delay that a stream needs depends on the arrival of live chunks, not of a backlog.

import { describe, expect, it } from 'vitest';
import { ArrivalMeter } from './arrival';

/** Chunks of `lengthMs` that arrive `transitMs(i)` after their end, from media time `fromMs` on. */
function feed(meter: ArrivalMeter, count: number, lengthMs: number, fromMs: number, transitMs: (i: number) => number) {
  for (let i = 0; i < count; i++) {
    const start = fromMs + i * lengthMs;
    meter.arrived(start, start + lengthMs, start + lengthMs + transitMs(i));
  }
  return fromMs + count * lengthMs;
}

describe('ArrivalMeter', () => {
  it('demands a chunk’s length plus its transit time', () => {
    const meter = new ArrivalMeter();
    feed(meter, 20, 120, 0, () => 80);
    expect(meter.neededDelayMs).toBe(200);
  });

  it('knows nothing while only a backlog has arrived', () => {
    const meter = new ArrivalMeter();
    for (let i = 0; i < 10; i++) meter.arrived(i * 120, (i + 1) * 120, 5_000 + i);
    expect(meter.neededDelayMs).toBeUndefined();
  });

  it('does not mistake a backlog for a slow network', () => {
    const meter = new ArrivalMeter();
    for (let i = 0; i < 10; i++) meter.arrived(i * 120, (i + 1) * 120, 1_280 + i);
    feed(meter, 20, 120, 1_200, () => 80);
    expect(meter.neededDelayMs).toBe(200);
  });

  it('recognises a backlog whose chunks are shorter than declared', () => {
    const meter = new ArrivalMeter();
    for (let i = 0; i < 10; i++) meter.arrived(i * 120, i * 120 + (i === 4 ? 360 : 120), 1_280);
    feed(meter, 20, 120, 1_200, () => 80);
    expect(meter.neededDelayMs).toBe(200);
  });

  it('grows with one late burst and forgets it within seconds', () => {
    const meter = new ArrivalMeter();
    let at = feed(meter, 20, 120, 0, () => 80);
    at = feed(meter, 3, 120, at, (i) => 480 - i * 120);
    expect(meter.neededDelayMs).toBe(600);
    feed(meter, 30, 120, at, () => 80);
    expect(meter.neededDelayMs).toBe(200);
  });

  it('remembers repeated bursts', () => {
    const meter = new ArrivalMeter();
    let at = 0;
    for (let i = 0; i < 2; i++) {
      at = feed(meter, 20, 120, at, () => 80);
      at = feed(meter, 3, 120, at, (late) => 480 - late * 120);
      at = feed(meter, 30, 120, at, () => 80);
    }
    expect(meter.neededDelayMs).toBe(600);
    feed(meter, 140, 120, at, () => 80);
    expect(meter.neededDelayMs).toBe(200);
  });

  it('grows to the bursts of a still screen and stays there', () => {
    const meter = new ArrivalMeter();
    const at = feed(meter, 20, 120, 0, () => 80);
    feed(meter, 30, 1_000, at, () => 80);
    expect(meter.neededDelayMs).toBe(1_080);
  });

  it('keeps its measurements through a reconnect', () => {
    const meter = new ArrivalMeter();
    const at = feed(meter, 20, 120, 0, () => 80);
    meter.expectBacklog();
    for (let i = 0; i < 10; i++) meter.arrived(at + i * 120, at + (i + 1) * 120, at + 1_300 + i);
    expect(meter.neededDelayMs).toBe(200);
  });

  it('stays bounded when chunks are delayed for very long', () => {
    const meter = new ArrivalMeter();
    const at = feed(meter, 20, 120, 0, () => 80);
    feed(meter, 2, 120, at, () => 30_000);
    feed(meter, 1, 120, at + 30_000, () => 80);
    expect(meter.neededDelayMs).toBeLessThanOrEqual(80 + 2_500);
  });
});
