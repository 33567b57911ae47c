// The capture time of a picture, from its own timestamp. Timestamps are exact but count from an unknown moment;
// arrivals are on the local clock but late by a varying delay. The picture with the least delay links the two: all
// others are then exact to within that delay, a few milliseconds.

/**
 * A shared screen is captured at the compositor, which shows a page's painting two frames later, at 60 Hz. Chromium's
 * own `captureTime` of a shared tab is 33 ms (median) after the tab painted.
 */
export const PAINTED_BEFORE_MS = 33;

/** Converts pictures' timestamps to the local clock. No clock: time is passed in. */
export class CaptureClock {
  /** The local time at which timestamp 0 was captured, or a little later. */
  #zeroMs = Infinity;
  readonly #paintedBeforeMs: number;

  /** `paintedBeforeMs`: delay between painting a picture and its capture. */
  constructor(paintedBeforeMs = 0) {
    this.#paintedBeforeMs = paintedBeforeMs;
  }

  /** A picture with this timestamp (microseconds) arrived. */
  arrived(nowMs: number, timestampUs: number): void {
    this.#zeroMs = Math.min(this.#zeroMs, nowMs - timestampUs / 1000);
  }

  /** The best known local time at which the picture with this timestamp was painted. */
  at(timestampUs: number): number {
    return this.#zeroMs + timestampUs / 1000 - this.#paintedBeforeMs;
  }
}

/**
 * The capture time of a recording's newest frame, for browsers without access to single pictures. With sound, the
 * newest frame is sound and as old as the cut. Without sound it is a picture that waited for the next one, and the
 * recording's times are better: Firefox counts them from the moment at which it reports the start (measured: within 10
 * ms).
 */
export class RecordingClock {
  readonly #clock = new CaptureClock();
  readonly #hasAudio: boolean;

  constructor(hasAudio: boolean) {
    this.#hasAudio = hasAudio;
  }

  /** The recorder reported at `nowMs` that it had started. */
  started(nowMs: number): void {
    this.#clock.arrived(nowMs, 0);
  }

  /**
   * Local capture time of the newest frame in the segment cut at `cutAtMs`; `newestMs` is its time in the recording, if
   * known.
   */
  capturedAt(cutAtMs: number, newestMs: number | undefined): number {
    // With sound, times follow the clock of the sound device, which drifts from the local one.
    if (this.#hasAudio || newestMs === undefined) return cutAtMs;
    this.#clock.arrived(cutAtMs, newestMs * 1000);
    return this.#clock.at(newestMs * 1000);
  }
}
