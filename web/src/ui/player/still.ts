// Covers a <video> with a canvas that shows its last picture. The browser draws the video independently of the page, so
// the video's next picture may be on screen before the canvas is.

import type { Cover } from '../../watch/playback/mse/video';

/** A page that is not drawn for this long is hidden. */
const OUT_OF_SIGHT_MS = 100;

/** The cover of one video. */
export class Still implements Cover {
  readonly #video: HTMLVideoElement;
  readonly #canvas = document.createElement('canvas');
  #isShown = false;
  #stopWaiting: (() => void) | undefined;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  put(): boolean {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const context = this.#canvas.getContext('2d');
    if (width === 0 || context === null) return false;
    Object.assign(this.#canvas, { width, height });
    context.drawImage(this.#video, 0, 0);
    this.#video.after(this.#canvas);
    this.#isShown = false;
    return true;
  }

  whenShown(shown: () => void): void {
    this.#stopWaiting?.();
    if (this.#isShown || document.hidden) {
      shown();
      return;
    }
    this.#stopWaiting = onceDrawn(() => {
      this.#isShown = true;
      shown();
    });
  }

  takeAway(): void {
    this.#stopWaiting?.();
    this.#canvas.remove();
  }
}

/** Calls `drawn` once the current page has been drawn, or is hidden. Returns a function that cancels it. */
function onceDrawn(drawn: () => void): () => void {
  const timers = [setTimeout(done, OUT_OF_SIGHT_MS)];
  // The callback runs before the frame is drawn, and its task after it.
  const frame = requestAnimationFrame(() => timers.push(setTimeout(done)));
  return cancel;

  function cancel(): void {
    cancelAnimationFrame(frame);
    timers.forEach(clearTimeout);
  }

  function done(): void {
    cancel();
    drawn();
  }
}
