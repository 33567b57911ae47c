// Keeps the last picture in sight while the browser jumps: some show the keyframe before the jump's end for a moment.

/** A frame this much older than the end of the jump may be the one that was jumped to: frames last a while. */
const FRAME_MS = 100;

/** See the head of the file. */
export class Still {
  readonly #video: HTMLVideoElement;
  readonly #canvas = document.createElement('canvas');
  #untilMs = 0;

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** Covers the video with what it shows, until it shows `untilMs` of media time. */
  put(untilMs: number): void {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const context = this.#canvas.getContext('2d');
    if (width === 0 || context === null) return;
    this.#untilMs = untilMs;
    Object.assign(this.#canvas, { width, height });
    context.drawImage(this.#video, 0, 0);
    this.#video.after(this.#canvas);
  }

  /** The video shows the picture of `mediaMs`. */
  shown(mediaMs: number): void {
    if (mediaMs >= this.#untilMs - FRAME_MS) this.takeAway();
  }

  /** Uncovers the video whatever it shows. */
  takeAway(): void {
    this.#canvas.remove();
  }
}
