// The cover reports when it is on screen, not earlier.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Still } from './still';

/** Requested animation frames. */
let frames: (() => void)[];

beforeEach(() => {
  vi.useFakeTimers();
  frames = [];
  const canvas = { getContext: () => ({ drawImage: () => undefined }), remove: () => undefined };
  vi.stubGlobal('document', { createElement: () => canvas, hidden: false });
  vi.stubGlobal('requestAnimationFrame', (callback: () => void) => frames.push(callback));
  vi.stubGlobal('cancelAnimationFrame', (frame: number) => frames.splice(frame - 1, 1, () => undefined));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A cover that was put, and how often it reported that it is on screen. */
function covered(): { still: Still; told: () => number } {
  const still = new Still({ videoWidth: 640, videoHeight: 360, after: () => undefined } as unknown as HTMLVideoElement);
  expect(still.put()).toBe(true);
  const shown = vi.fn<() => void>();
  still.whenShown(shown);
  return { still, told: () => shown.mock.calls.length };
}

/** Runs the callbacks before a frame is drawn. */
function runFrames(): void {
  frames.splice(0).forEach((frame) => frame());
}

/** Runs the tasks after a frame was drawn. */
function runTasks(): void {
  vi.advanceTimersByTime(0);
}

describe('Still', () => {
  it('reports once the frame after it was put has been drawn', () => {
    const { told } = covered();
    runFrames();
    expect(told()).toBe(0);
    runTasks();
    expect(told()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(told()).toBe(1);
  });

  it('reports at once while it is on screen, and waits again when it is put again', () => {
    const { still } = covered();
    runFrames();
    runTasks();
    const shown = vi.fn<() => void>();
    still.whenShown(shown);
    expect(shown).toHaveBeenCalledTimes(1);
    still.takeAway();
    still.put();
    still.whenShown(shown);
    expect(shown).toHaveBeenCalledTimes(1);
  });

  it('does not wait for frames if the page is hidden', () => {
    const { told } = covered();
    vi.advanceTimersByTime(99);
    expect(told()).toBe(0);
    vi.advanceTimersByTime(1);
    expect(told()).toBe(1);
    Object.assign(document, { hidden: true });
    expect(covered().told()).toBe(1);
  });

  it('does not report after it was removed', () => {
    const { still, told } = covered();
    still.takeAway();
    runFrames();
    vi.advanceTimersByTime(1_000);
    expect(told()).toBe(0);
  });
});
