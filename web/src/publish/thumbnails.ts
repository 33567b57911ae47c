// Preview pictures for the list of streams: what the broadcaster sees, small, every few seconds. The page makes them,
// so no server has to decode video.

import { MAX_THUMBNAIL_BYTES } from '../protocol/stream';

/** How often a picture is made. */
const INTERVAL_MS = 5_000;
/** How soon to try again while there is no picture yet, or nobody to take it. */
const FIRST_MS = 400;

/** Makes a small picture of what is shared; none while there is none. */
export type TakePicture = () => Promise<Blob | undefined>;

/** Sends a picture, until `signal` aborts. False if it is too early for that. */
export type Upload = (picture: Blob, signal: AbortSignal) => Promise<boolean>;

/** Makes and uploads pictures until closed. */
export class Thumbnails {
  readonly #take: TakePicture;
  readonly #upload: Upload;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #uploading = new AbortController();

  /** An upload that fails is not repeated: the next picture is the better one. */
  constructor(take: TakePicture, upload: Upload) {
    this.#take = take;
    this.#upload = upload;
    this.#schedule(FIRST_MS);
  }

  /** Breaks off an upload. Further pictures follow. */
  cancel(): void {
    this.#uploading.abort();
  }

  /** Stops. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.cancel();
  }

  #schedule(inMs: number): void {
    this.#timer = setTimeout(() => void this.#tick(), inMs);
  }

  async #tick(): Promise<void> {
    const timer = this.#timer;
    const picture = await this.#take();
    if (this.#timer !== timer) return;
    const tooEarly = !picture || !(await this.#send(picture));
    if (this.#timer === timer) this.#schedule(tooEarly ? FIRST_MS : INTERVAL_MS);
  }

  async #send(picture: Blob): Promise<boolean> {
    if (picture.size > MAX_THUMBNAIL_BYTES) return true;
    this.#uploading = new AbortController();
    return await this.#upload(picture, this.#uploading.signal).catch(() => true);
  }
}
