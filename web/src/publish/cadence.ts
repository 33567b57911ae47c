// When to show a still picture again. A screen on which nothing changes is captured once a second, and recorders hold
// sound back until the next picture: viewers would be two seconds behind. So after a short pause the last picture is
// repeated, often enough that sound flows, seldom enough that it costs next to nothing.

/** A pause shorter than this is a slow page, not a still one. */
const STILL_AFTER_MS = 240;
/** How often a still picture is repeated: about as often as the recorder gives out segments. */
const REPEAT_MS = 110;

/** Decides over repeats. Knows no clock: time comes in as a value. */
export class Cadence {
  #lastAtMs: number | undefined;
  #lastUs = 0;
  #repeating = false;

  /** A new picture with this timestamp (microseconds) has come. */
  passed(nowMs: number, timestampUs: number): void {
    this.#lastAtMs = nowMs;
    this.#lastUs = timestampUs;
    this.#repeating = false;
  }

  /** The timestamp with which to repeat the last picture now; none if it is not time, or there is none. */
  due(nowMs: number): number | undefined {
    if (this.#lastAtMs === undefined) return undefined;
    const sinceMs = nowMs - this.#lastAtMs;
    if (sinceMs < (this.#repeating ? REPEAT_MS : STILL_AFTER_MS)) return undefined;
    this.#repeating = true;
    this.#lastAtMs = nowMs;
    this.#lastUs += Math.round(sinceMs * 1000);
    return this.#lastUs;
  }
}
