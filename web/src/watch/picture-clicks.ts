// Clicks on the picture: one pauses or plays, two fill the screen and leave playback as it is. The first of two looks like
// one, so it waits for a moment; where the second comes later than that, what the first did is undone.

/** How long a click waits for a second one; most people's second click comes sooner. */
const SECOND_CLICK_MS = 250;

/** What clicks ask for. */
export interface ClickOwner {
  playPause(): void;
  fullScreen(): void;
}

/** See the head of the file. */
export class PictureClicks {
  readonly #owner: ClickOwner;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  /** The first click has done its work. */
  #done = false;

  constructor(owner: ClickOwner) {
    this.#owner = owner;
  }

  /** A click came, the `count`th in a row (`UIEvent.detail`). */
  clicked(count: number): void {
    if (count > 1) return;
    this.forget();
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      this.#done = true;
      this.#owner.playPause();
    }, SECOND_CLICK_MS);
  }

  /** Two clicks came close enough together for the system to call them a double click. */
  doubleClicked(): void {
    if (this.#done) this.#owner.playPause();
    this.forget();
    this.#owner.fullScreen();
  }

  /** Does nothing for a click that still waits. */
  forget(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#done = false;
  }
}
