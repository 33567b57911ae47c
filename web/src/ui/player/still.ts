// Covers a <video> with a canvas that shows its last picture.

import type { Cover } from '../../watch/playback/mse/video';

/** A frame this much older than the end of the jump may be the one that was jumped to: frames last a while. */
const FRAME_MS = 100;

/** See the head of the file. */
export class Still implements Cover {
  readonly #video: HTMLVideoElement;
  readonly #canvas = document.createElement('canvas');
  #untilMs = 0;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  put(untilMs: number): void {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const context = this.#canvas.getContext('2d');
    if (width === 0 || context === null) return;
    this.#untilMs = untilMs;
    Object.assign(this.#canvas, { width, height });
    context.drawImage(this.#video, 0, 0);
    this.#video.after(this.#canvas);
  }

  shown(mediaMs: number): void {
    if (mediaMs >= this.#untilMs - FRAME_MS) this.takeAway();
  }

  takeAway(): void {
    this.#canvas.remove();
  }
}
