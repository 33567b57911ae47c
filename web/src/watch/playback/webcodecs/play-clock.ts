// The current media time: runs on the local clock at a variable rate, and never past the media that has arrived.
// Pictures and sound follow it. Milliseconds.

/** The clock of playback without a <video>. */
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

  /** Changes the rate; 0 stands still. */
  setRate(rate: number, nowMs: number): void {
    this.jump(this.positionMs(nowMs), nowMs);
    this.#rate = rate;
  }

  /** Moves the position to `toMs`. */
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
