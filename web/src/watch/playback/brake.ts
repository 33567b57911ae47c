// Keeps playback from running out of media: slows the playhead down while the next media is late, and holds it before
// nothing is left.
//
// A browser that ran dry resumes only with several hundred milliseconds of media ahead, more each time, and it runs dry
// earlier than its buffer says, because sound is taken out ahead of the clock. Close to the live edge that is a long
// stall. Playback held at rate 0 resumes at once. Milliseconds throughout; no clock.

/** Media ahead below which playback slows down, below which it holds, and above which it resumes. */
const AHEAD_MS = { slow: 130, hold: 90, goOn: 120 };
/** Slow enough to gain time, and hardly noticed while it lasts. */
const SLOW = 0.8;

/** Limits the rate of playback. */
export class Brake {
  #holds = false;

  /** The highest rate for `aheadMs` of remaining media with nothing behind it; 0 holds. */
  limit(aheadMs: number): number {
    this.#holds = aheadMs < (this.#holds ? AHEAD_MS.goOn : AHEAD_MS.hold);
    if (this.#holds) return 0;
    return aheadMs < AHEAD_MS.slow ? SLOW : Infinity;
  }

  /** When to check again at this `rate`, if nothing arrives until then. */
  dueInMs(aheadMs: number, rate: number): number {
    const next = aheadMs > AHEAD_MS.slow ? AHEAD_MS.slow : AHEAD_MS.hold;
    return this.#holds ? Infinity : Math.max(0, aheadMs - next) / rate;
  }
}
