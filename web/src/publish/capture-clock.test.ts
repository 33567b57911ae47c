// Capture times are never later than the arrival, and free of its jitter once one picture arrived quickly.

import { describe, expect, it } from 'vitest';
import { CaptureClock, RecordingClock } from './capture-clock';

describe('CaptureClock', () => {
  it('uses the picture with the least delay as the reference for all others', () => {
    const clock = new CaptureClock();
    clock.arrived(1040, 7_000_000); // captured at 1000, 40 ms late
    expect(clock.at(7_000_000)).toBe(1040);
    clock.arrived(1105, 7_100_000); // captured at 1100, 5 ms late
    expect(clock.at(7_000_000)).toBe(1005);
    clock.arrived(1290, 7_200_000); // captured at 1200, 90 ms late
    expect(clock.at(7_200_000)).toBe(1205);
  });

  it('gives the time at which a captured screen was painted', () => {
    const clock = new CaptureClock(33);
    clock.arrived(1_005, 7_000_000);
    expect(clock.at(7_100_000)).toBe(1_072);
  });
});

describe('RecordingClock', () => {
  it('counts a recording without sound from its start, however late its pictures arrive', () => {
    const clock = new RecordingClock(false);
    clock.started(1_000);
    expect(clock.capturedAt(1_290, 200)).toBe(1_200);
    expect(clock.capturedAt(1_390, 300)).toBe(1_300);
  });

  it('dates no picture after the cut, even if the start was reported late', () => {
    const clock = new RecordingClock(false);
    clock.started(1_500);
    expect(clock.capturedAt(1_290, 200)).toBe(1_290);
    expect(clock.capturedAt(1_450, 300)).toBe(1_390);
  });

  it('uses the cut if there is sound, or if no time is known', () => {
    const clock = new RecordingClock(true);
    clock.started(1_000);
    expect(clock.capturedAt(1_290, 200)).toBe(1_290);
    expect(new RecordingClock(false).capturedAt(1_290, undefined)).toBe(1_290);
  });
});
