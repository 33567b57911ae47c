// The media time that is shown: runs on the local clock at a rate that can be changed, and never past what has arrived.
// Pictures and sound both follow it. Milliseconds.

/** See the head of the file. */
export class PlayClock {
  #atMs = 0;
  #sinceMs = 0;
  #rate = 0;
  #limitMs = 0;

  get rate(): number {
    return this.#rate;
  }

  /** The media time at `nowMs` of the local clock. */
  positionMs(nowMs: number): number {
    return Math.min(this.#atMs + (nowMs - this.#sinceMs) * this.#rate, Math.max(this.#limitMs, this.#atMs));
  }

  /** Runs at `rate` from now on; 0 stands still. */
  setRate(rate: number, nowMs: number): void {
    this.jump(this.positionMs(nowMs), nowMs);
    this.#rate = rate;
  }

  /** Goes on from `toMs`. */
  jump(toMs: number, nowMs: number): void {
    this.#atMs = toMs;
    this.#sinceMs = nowMs;
  }

  /** Media has arrived up to `limitMs`. */
  arrived(limitMs: number, nowMs: number): void {
    this.jump(this.positionMs(nowMs), nowMs);
    this.#limitMs = limitMs;
  }
}
