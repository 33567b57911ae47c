// Whether the person wants the stream to play. Browsers pause elements too: in a page they froze, in a computer that slept,
// in the background of a phone. Such a pause ends when the person comes back; one that the person asked for does not.
// No DOM: what happened comes in as calls, time as a value.

/** So long after the page ran again a pause is still the browser's, which reports it late. */
const WOKE_MS = 2_000;

/** See the head of the file. */
export class PlayIntent {
  #plays = true;
  #wokeAtMs = -Infinity;

  /** Whether playback is wanted. */
  get plays(): boolean {
    return this.#plays;
  }

  /** The person pressed play or pause, here or on a keyboard's media keys. */
  asked(plays: boolean): void {
    this.#plays = plays;
  }

  /** The page runs again after it was frozen or slept, or is seen again. */
  woke(nowMs: number): void {
    this.#wokeAtMs = nowMs;
  }

  /** The element plays, by whatever it began. */
  played(): void {
    this.#plays = true;
  }

  /**
   * The element paused. In a page that is seen and runs only a person does that: with controls that are the browser's own,
   * or by pulling out headphones.
   */
  paused(hidden: boolean, nowMs: number): void {
    if (!hidden && nowMs - this.#wokeAtMs > WOKE_MS) this.#plays = false;
  }
}
