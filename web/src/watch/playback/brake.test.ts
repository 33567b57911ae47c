import { describe, expect, it } from 'vitest';
import { Brake } from './brake';

describe('Brake', () => {
  it('slows down, then holds, and resumes at a higher level than it held', () => {
    const brake = new Brake();
    expect([300, 120, 80, 100, 130].map((aheadMs) => brake.limit(aheadMs))).toEqual([Infinity, 0.8, 0, 0, Infinity]);
  });

  it('schedules the next check for the playhead’s next threshold, and none while it holds', () => {
    const brake = new Brake();
    brake.limit(250);
    expect(brake.dueInMs(250, 1)).toBe(120);
    brake.limit(122);
    expect(brake.dueInMs(122, 0.8)).toBe(40);
    expect(brake.limit(50)).toBe(0);
    expect(brake.dueInMs(50, 0)).toBe(Infinity);
  });
});
