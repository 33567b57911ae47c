// Whether the person wants the stream to play. Browsers pause elements too: in a frozen page, while the computer
// sleeps, in the background of a phone. Such a pause ends when the person returns; one by the person does not. No DOM:
// events come in as calls, time as a value.

/** A pause this soon after the page resumed is the browser's, which reports it late. */
const WOKE_MS = 2_000;

/** Tracks what the person wants. */
export class PlayIntent {
  #plays = true;
  #wokeAtMs = -Infinity;

  /** Whether playback is wanted. */
  get plays(): boolean {
    return this.#plays;
  }

  /** The person pressed play or pause, on the page or with a media key. */
  asked(plays: boolean): void {
    this.#plays = plays;
  }

  /** The page runs again after it was frozen or slept, or is visible again. */
  woke(nowMs: number): void {
    this.#wokeAtMs = nowMs;
  }

  /** The element plays, whatever started it. */
  played(): void {
    this.#plays = true;
  }

  /**
   * The element paused. In a visible, running page only the person does that: with the browser's own controls, or by
   * unplugging headphones.
   */
  paused(hidden: boolean, nowMs: number): void {
    if (!hidden && nowMs - this.#wokeAtMs > WOKE_MS) this.#plays = false;
  }
}
