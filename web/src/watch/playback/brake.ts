// Keeps the playhead from running dry: slows it down while the next media is late, and holds it before nothing is left.
//
// A browser that ran dry goes on only with several hundred milliseconds ahead of it, with more after each time, and does
// so earlier than its buffer says, because sound is taken out ahead of the clock. Close to the live edge that is a long
// standstill. One that is held, at rate 0, goes on at once. Milliseconds throughout; it owns no clock.

/** Media ahead below which to play slowly, and below which to hold until there is the third. */
const AHEAD_MS = { slow: 130, hold: 90, goOn: 120 };
/** Slow enough to win time, and hardly noticed for as long as it lasts. */
const SLOW = 0.8;

/** See the head of the file. */
export class Brake {
  #holds = false;

  /** The fastest rate at which to play with `aheadMs` left and nothing behind it; 0 holds. */
  limit(aheadMs: number): number {
    this.#holds = aheadMs < (this.#holds ? AHEAD_MS.goOn : AHEAD_MS.hold);
    if (this.#holds) return 0;
    return aheadMs < AHEAD_MS.slow ? SLOW : Infinity;
  }

  /** When to ask again, playing on at `rate`, if nothing arrives until then. */
  dueInMs(aheadMs: number, rate: number): number {
    const next = aheadMs > AHEAD_MS.slow ? AHEAD_MS.slow : AHEAD_MS.hold;
    return this.#holds ? Infinity : Math.max(0, aheadMs - next) / rate;
  }
}
