// Displayed figures are medians of measurements, and absent without measurements.

import { describe, expect, it } from 'vitest';
import { LatencyMeter, RateMeter } from './meters';

describe('LatencyMeter', () => {
  it('shows nothing before a frame with a known capture time', () => {
    expect(new LatencyMeter().medianMs(0)).toBeUndefined();
  });

  it('is the median, so that one late frame does not show', () => {
    const meter = new LatencyMeter();
    for (const [i, latency] of [400, 410, 2_000, 405, 395].entries()) meter.shown(1_000, 1_000 + latency, i * 33);
    expect(meter.medianMs(200)).toBe(405);
  });

  it('drops samples after three seconds', () => {
    const meter = new LatencyMeter();
    meter.shown(0, 400, 0);
    expect(meter.medianMs(2_900)).toBe(400);
    expect(meter.medianMs(3_000)).toBeUndefined();
  });

  it('ignores a frame shown before it was captured', () => {
    const meter = new LatencyMeter();
    meter.shown(5_000, 4_000, 0);
    meter.shown(Number.NaN, 4_000, 0);
    expect(meter.medianMs(1)).toBeUndefined();
  });
});

describe('RateMeter', () => {
  it('counts bits per second over the last seconds, once the joining burst is over', () => {
    const meter = new RateMeter();
    meter.arrived(1_000_000, 0);
    expect(meter.bitsPerSecond(900)).toBeUndefined();
    for (let at = 100; at <= 10_000; at += 100) meter.arrived(25_000, at);
    expect(meter.bitsPerSecond(10_000)).toBe(2_000_000);
  });
});
