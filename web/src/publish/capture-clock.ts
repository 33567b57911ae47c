// When a picture was captured, from its own timestamp. Timestamps keep exact step with the capture but count from a
// moment nobody tells; arrivals are on our clock but late by a varying bit. The picture that arrived least late ties the
// two together: all others are then right to within that least delay, a few milliseconds.

/** Turns pictures' timestamps into our clock. Knows no clock: time comes in as a value. */
export class CaptureClock {
  /** Our clock when timestamp 0 was captured, or a little after. */
  #zeroMs = Infinity;

  /** A picture with this timestamp (microseconds) has arrived. */
  arrived(nowMs: number, timestampUs: number): void {
    this.#zeroMs = Math.min(this.#zeroMs, nowMs - timestampUs / 1000);
  }

  /** Our clock when the picture with this timestamp was captured, as well as is known by now. */
  at(timestampUs: number): number {
    return this.#zeroMs + timestampUs / 1000;
  }
}
