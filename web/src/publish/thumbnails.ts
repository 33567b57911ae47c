// Preview pictures for the list of streams: what the broadcaster sees, small, every few seconds. The page makes them,
// so no server has to decode video.

import { MAX_THUMBNAIL_BYTES } from '../protocol/stream';

/** How often a picture is made. */
const INTERVAL_MS = 5_000;
/** How soon to try again while there is no picture yet, or nobody to take it. */
const FIRST_MS = 400;
const MAX_WIDTH = 640;
const JPEG_QUALITY = 0.7;

/** Sends a picture. False if it is too early for that. */
export type Upload = (picture: Blob) => Promise<boolean>;

/** Makes and uploads pictures until closed. */
export class Thumbnails {
  readonly #video: HTMLVideoElement;
  readonly #upload: Upload;
  readonly #canvas = document.createElement('canvas');
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `video` shows what is shared. An upload that fails is not repeated: the next picture is the better one. */
  constructor(video: HTMLVideoElement, upload: Upload) {
    this.#video = video;
    this.#upload = upload;
    this.#schedule(FIRST_MS);
  }

  /** Stops. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(inMs: number): void {
    this.#timer = setTimeout(() => void this.#tick(), inMs);
  }

  async #tick(): Promise<void> {
    const timer = this.#timer;
    const picture = await this.#picture();
    const tooEarly = !picture || !(await this.#send(picture));
    if (this.#timer === timer && timer !== undefined) this.#schedule(tooEarly ? FIRST_MS : INTERVAL_MS);
  }

  async #send(picture: Blob): Promise<boolean> {
    if (picture.size > MAX_THUMBNAIL_BYTES) return true;
    return await this.#upload(picture).catch(() => true);
  }

  async #picture(): Promise<Blob | undefined> {
    const { videoWidth, videoHeight, readyState } = this.#video;
    const context = this.#canvas.getContext('2d', { alpha: false });
    if (videoWidth === 0 || readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !context) return undefined;
    const scale = Math.min(1, MAX_WIDTH / videoWidth);
    this.#canvas.width = Math.round(videoWidth * scale);
    this.#canvas.height = Math.round(videoHeight * scale);
    context.drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return await new Promise((resolve) => {
      this.#canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/jpeg', JPEG_QUALITY);
    });
  }
}
