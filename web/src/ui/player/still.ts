// Covers a <video> with a canvas that shows its last picture. The browser draws the video apart from the page: what the video
// shows next may be on the screen before the canvas is.

import type { Cover } from '../../watch/playback/mse/video';

/** A page that is not drawn for this long is out of sight. */
const OUT_OF_SIGHT_MS = 100;

/** See the head of the file. */
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

/** Calls `drawn` once the page as it is now has been drawn, or is out of sight. Gives what cancels that. */
function onceDrawn(drawn: () => void): () => void {
  const timers = [setTimeout(done, OUT_OF_SIGHT_MS)];
  // The callback runs before the frame is drawn, and tasks after it.
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
