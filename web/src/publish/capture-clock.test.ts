// Capture times: never later than the arrival, and free of its jitter once one picture came fast.

import { describe, expect, it } from 'vitest';
import { CaptureClock, RecordingClock } from './capture-clock';

describe('CaptureClock', () => {
  it('believes the picture that arrived least late, and takes its delay off all others', () => {
    const clock = new CaptureClock();
    clock.arrived(1040, 7_000_000); // captured at 1000, 40 ms late
    expect(clock.at(7_000_000)).toBe(1040);
    clock.arrived(1105, 7_100_000); // captured at 1100, 5 ms late
    expect(clock.at(7_000_000)).toBe(1005);
    clock.arrived(1290, 7_200_000); // captured at 1200, 90 ms late
    expect(clock.at(7_200_000)).toBe(1205);
  });

  it('goes back to when a captured screen was painted', () => {
    const clock = new CaptureClock(33);
    clock.arrived(1_005, 7_000_000);
    expect(clock.at(7_100_000)).toBe(1_072);
  });
});

describe('RecordingClock', () => {
  it('counts a recording without sound from its start, whatever its pictures waited for', () => {
    const clock = new RecordingClock(false);
    clock.started(1_000);
    expect(clock.capturedAt(1_290, 200)).toBe(1_200);
    expect(clock.capturedAt(1_390, 300)).toBe(1_300);
  });

  it('takes no picture for newer than the cut, though the start was told late', () => {
    const clock = new RecordingClock(false);
    clock.started(1_500);
    expect(clock.capturedAt(1_290, 200)).toBe(1_290);
    expect(clock.capturedAt(1_450, 300)).toBe(1_390);
  });

  it('goes by the cut where there is sound, or no time is known', () => {
    const clock = new RecordingClock(true);
    clock.started(1_000);
    expect(clock.capturedAt(1_290, 200)).toBe(1_290);
    expect(new RecordingClock(false).capturedAt(1_290, undefined)).toBe(1_290);
  });
});
