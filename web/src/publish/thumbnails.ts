// Preview pictures for the list of streams: a small copy of the broadcaster's picture every few seconds. The page makes
// them, so no server has to decode video.

import { MAX_THUMBNAIL_BYTES } from '../protocol/stream';

/** Interval of pictures. */
const INTERVAL_MS = 5_000;
/** Delay before a retry while there is no picture yet, or the server does not accept one yet. */
const FIRST_MS = 400;

/** Creates a small picture of the shared source; undefined while nothing is shared. */
export type TakePicture = () => Promise<Blob | undefined>;

/** Sends a picture, until `signal` aborts. Returns false if it is too early. */
export type Upload = (picture: Blob, signal: AbortSignal) => Promise<boolean>;

/** Creates and uploads pictures until closed. */
export class Thumbnails {
  readonly #take: TakePicture;
  readonly #upload: Upload;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #uploading = new AbortController();

  /** A failed upload is not repeated, because a newer picture follows. */
  constructor(take: TakePicture, upload: Upload) {
    this.#take = take;
    this.#upload = upload;
    this.#schedule(FIRST_MS);
  }

  /** Aborts the current upload. Further pictures follow. */
  cancel(): void {
    this.#uploading.abort();
  }

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
