// Capture times: never later than the arrival, and free of its jitter once one picture came fast.

import { describe, expect, it } from 'vitest';
import { CaptureClock } from './capture-clock';

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
