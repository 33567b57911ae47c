// When to repeat a still picture. An unchanging screen is captured once a second, and recorders hold sound back until
// the next picture: viewers would be two seconds behind. So after a short pause the last picture is repeated, often
// enough that sound flows, and seldom enough to cost almost nothing.

/** A shorter pause is a slow page, not a still one. */
const STILL_AFTER_MS = 240;
/** Interval of repeats: about the recorder's segment interval. */
const REPEAT_MS = 110;

/** Decides when to repeat. No clock: time is passed in. */
export class Cadence {
  #lastAtMs: number | undefined;
  #lastUs = 0;
  #repeating = false;

  /** A new picture with this timestamp (microseconds) arrived. */
  passed(nowMs: number, timestampUs: number): void {
    this.#lastAtMs = nowMs;
    this.#lastUs = timestampUs;
    this.#repeating = false;
  }

  /** The timestamp for repeating the last picture now; undefined if none is due or there is no picture. */
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
