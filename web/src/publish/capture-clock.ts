// When a picture was captured, from its own timestamp. Timestamps keep exact step with the capture but count from a
// moment nobody tells; arrivals are on our clock but late by a varying bit. The picture that arrived least late ties the
// two together: all others are then right to within that least delay, a few milliseconds.

/**
 * A shared screen is captured where it is composed, and what a page paints comes there two frames later, at 60 a second.
 * Chromium's own `captureTime` of a shared tab is 33 ms (median) after the time that the tab painted.
 */
export const PAINTED_BEFORE_MS = 33;

/** Turns pictures' timestamps into our clock. Knows no clock: time comes in as a value. */
export class CaptureClock {
  /** Our clock when timestamp 0 was captured, or a little after. */
  #zeroMs = Infinity;
  readonly #paintedBeforeMs: number;

  /** `paintedBeforeMs`: how long before its capture a picture is painted. */
  constructor(paintedBeforeMs = 0) {
    this.#paintedBeforeMs = paintedBeforeMs;
  }

  /** A picture with this timestamp (microseconds) has arrived. */
  arrived(nowMs: number, timestampUs: number): void {
    this.#zeroMs = Math.min(this.#zeroMs, nowMs - timestampUs / 1000);
  }

  /** Our clock when the picture with this timestamp was painted, as well as is known by now. */
  at(timestampUs: number): number {
    return this.#zeroMs + timestampUs / 1000 - this.#paintedBeforeMs;
  }
}

/**
 * When the newest frame of a recording was captured, where the browser gives no access to single pictures. With sound the
 * newest frame is of sound and as old as the cut. Without sound it is a picture that waited for the next one, and the times of the
 * recording are better: Firefox counts them from the moment at which it says that the recording started (measured: within 10 ms).
 */
export class RecordingClock {
  readonly #clock = new CaptureClock();
  readonly #hasAudio: boolean;

  constructor(hasAudio: boolean) {
    this.#hasAudio = hasAudio;
  }

  /** The recorder said at `nowMs` that it had started. */
  started(nowMs: number): void {
    this.#clock.arrived(nowMs, 0);
  }

  /** Our clock at the capture of the newest frame given out by `cutAtMs`; `newestMs` is its time in the recording, if known. */
  capturedAt(cutAtMs: number, newestMs: number | undefined): number {
    // The clock of the sound device, which times with sound go by, drifts from ours.
    if (this.#hasAudio || newestMs === undefined) return cutAtMs;
    this.#clock.arrived(cutAtMs, newestMs * 1000);
    return this.#clock.at(newestMs * 1000);
  }
}
