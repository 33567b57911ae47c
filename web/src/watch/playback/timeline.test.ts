// Takes are placed end to end, and frames are mapped to their capture times.

import { describe, expect, it } from 'vitest';
import { Timeline } from './timeline';

function chunk(take: number, pts_ms: number, duration_ms: number, captured_at_ms?: number) {
  return { take, pts_ms, duration_ms, ...(captured_at_ms === undefined ? {} : { captured_at_ms }) };
}

describe('Timeline', () => {
  it('keeps the timestamps of the take it joins', () => {
    const timeline = new Timeline();
    expect(timeline.edgeMs).toBeUndefined();
    expect(timeline.place(chunk(3, 61_000, 120))).toMatchObject({ startMs: 61_000, endMs: 61_120, offsetMs: 0 });
    expect(timeline.edgeMs).toBe(61_120);
  });

  it('places a new take right after the old one', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 4_000, 120));
    expect(timeline.place(chunk(1, 0, 100))).toMatchObject({ startMs: 4_120, endMs: 4_220, offsetMs: 4_120 });
    expect(timeline.place(chunk(1, 100, 100))).toMatchObject({ startMs: 4_220, offsetMs: 4_120 });
  });

  it('also places a take that is joined late after the old one', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 4_000, 120));
    expect(timeline.place(chunk(2, 30_000, 100))).toMatchObject({ startMs: 4_120, offsetMs: -25_880 });
  });

  it('places a new take at the end of the sound, if the last picture has a longer duration', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 4_000, 1_000));
    expect(timeline.place(chunk(1, 0, 100), 4_420)).toMatchObject({ startMs: 4_420, endMs: 4_520 });
    expect(timeline.edgeMs).toBe(4_520);
  });

  it('keeps a gap inside a take', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 0, 100));
    expect(timeline.place(chunk(0, 5_000, 100))).toMatchObject({ startMs: 5_000 });
  });

  it('never moves the edge back', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 0, 1_000));
    timeline.place(chunk(0, 500, 100));
    expect(timeline.edgeMs).toBe(1_000);
  });

  it('gives the capture time of a frame, across takes', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 1_000, 200, 50_000));
    timeline.place(chunk(1, 0, 200, 90_000));
    expect(timeline.capturedAt(1_150)).toBe(50_150);
    expect(timeline.capturedAt(1_200)).toBe(90_000);
    expect(timeline.capturedAt(1_290)).toBe(90_090);
  });

  it('gives no capture time if the broadcaster sent none', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 1_000, 200));
    expect(timeline.capturedAt(1_100)).toBeUndefined();
    expect(timeline.capturedAt(10)).toBeUndefined();
  });

  it('gives no capture time that is no longer valid', () => {
    const timeline = new Timeline();
    timeline.place(chunk(0, 1_000, 200, 50_000));
    timeline.forgetCaptureTimes();
    expect(timeline.capturedAt(1_100)).toBeUndefined();
    timeline.place(chunk(0, 1_200, 200, 55_200));
    expect(timeline.capturedAt(1_250)).toBe(55_250);
  });

  it('drops the far past', () => {
    const timeline = new Timeline();
    for (let pts = 0; pts < 120_000; pts += 100) timeline.place(chunk(0, pts, 100, pts));
    expect(timeline.capturedAt(80_000)).toBeUndefined();
    expect(timeline.capturedAt(100_000)).toBe(100_000);
  });
});
