// Covers a <video> with a canvas that shows its last picture.

import type { Cover } from '../../watch/playback/mse/video';

/** See the head of the file. */
export class Still implements Cover {
  readonly #video: HTMLVideoElement;
  readonly #canvas = document.createElement('canvas');

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
    return true;
  }

  takeAway(): void {
    this.#canvas.remove();
  }
}
