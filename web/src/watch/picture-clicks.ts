// Clicks on the picture: a single click pauses or plays; a double click enters full screen and leaves playback
// unchanged. A first click waits briefly for a second one. If the second comes later, the effect of the first is
// undone.

/** How long a click waits for a second one; most double clicks are faster. */
const SECOND_CLICK_MS = 250;

/** The actions of clicks. */
export interface ClickOwner {
  playPause(): void;
  fullScreen(): void;
}

/** Distinguishes single from double clicks. */
export class PictureClicks {
  readonly #owner: ClickOwner;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  /** Whether the first click has taken effect. */
  #done = false;

  constructor(owner: ClickOwner) {
    this.#owner = owner;
  }

  /** Handles a click, the `count`th in a row (`UIEvent.detail`). */
  clicked(count: number): void {
    if (count > 1) return;
    this.forget();
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      this.#done = true;
      this.#owner.playPause();
    }, SECOND_CLICK_MS);
  }

  /** Handles what the system considers a double click. */
  doubleClicked(): void {
    if (this.#done) this.#owner.playPause();
    this.forget();
    this.#owner.fullScreen();
  }

  /** Drops a waiting click. */
  forget(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#done = false;
  }
}
