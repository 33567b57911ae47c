// Preview pictures for the list of streams: what the broadcaster sees, small, every few seconds. The page makes them,
// so no server has to decode video.

import { MAX_THUMBNAIL_BYTES } from '../protocol/stream';

/** How often a picture is made. */
const INTERVAL_MS = 5_000;
/** How soon to look again while there is no picture yet. */
const FIRST_MS = 400;
const MAX_WIDTH = 640;
const JPEG_QUALITY = 0.7;

/** Makes and uploads pictures until closed. */
export class Thumbnails {
  readonly #video: HTMLVideoElement;
  readonly #upload: (picture: Blob) => Promise<void>;
  readonly #canvas = document.createElement('canvas');
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `video` shows what is shared. An upload that fails is not repeated: the next picture is the better one. */
  constructor(video: HTMLVideoElement, upload: (picture: Blob) => Promise<void>) {
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
    if (picture && picture.size <= MAX_THUMBNAIL_BYTES) await this.#upload(picture).catch(() => undefined);
    if (this.#timer === timer && timer !== undefined) this.#schedule(picture ? INTERVAL_MS : FIRST_MS);
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
