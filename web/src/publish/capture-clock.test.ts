// Capture times: never later than the arrival, and free of its jitter once one picture came fast.

import { describe, expect, it } from 'vitest';
import { CaptureClock } from './capture-clock';

describe('CaptureClock', () => {
  it('knows nothing before the first picture', () => {
    expect(new CaptureClock().newestMs).toBeUndefined();
  });

  it('believes the first arrival until one is earlier, and takes its delay off all others', () => {
    const clock = new CaptureClock();
    clock.arrived(1040, 7_000_000); // captured at 1000, 40 ms late
    expect(clock.newestMs).toBe(1040);
    clock.arrived(1105, 7_100_000); // captured at 1100, 5 ms late
    expect(clock.newestMs).toBe(1105);
    clock.arrived(1290, 7_200_000); // captured at 1200, 90 ms late
    expect(clock.newestMs).toBe(1205);
  });
});
