// Scales pictures one at a time in a worker. Meanwhile only the newest new picture waits; older ones are dropped, not
// queued.

import type { ScaleRequest } from './scaling';
import type { Size } from './size';

/** The scaling worker; tests pass their own. */
export type ScaleWorker = Pick<Worker, 'postMessage' | 'terminate' | 'onmessage' | 'onerror'>;

/** Scales video frames, dropping those it has no time for. */
export class Scaler {
  readonly #worker: ScaleWorker;
  readonly #scaled: (frame: VideoFrame) => void;
  #busy = false;
  #next: ScaleRequest | undefined;
  #broken = false;

  constructor(
    scaled: (frame: VideoFrame) => void,
    worker: ScaleWorker = new Worker(new URL('./scaling.ts', import.meta.url), { type: 'module' }),
  ) {
    this.#scaled = scaled;
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<VideoFrame | undefined>) => this.#done(data);
    worker.onerror = () => this.#break();
  }

  /** Whether a picture is being scaled. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Whether scaling is impossible because the worker did not load, for example after an upgrade of the server while the
   * page was open.
   */
  get broken(): boolean {
    return this.#broken;
  }

  /** Takes ownership of `frame`. It is returned scaled, unless a newer one replaces it. */
  push(frame: VideoFrame, { width, height }: Size): void {
    this.#drop();
    this.#next = { frame, width, height };
    this.#work();
  }

  close(): void {
    this.#drop();
    this.#worker.onmessage = null;
    this.#worker.terminate();
  }

  #break(): void {
    this.#broken = true;
    this.#busy = false;
    this.#drop();
  }

  #drop(): void {
    this.#next?.frame.close();
    this.#next = undefined;
  }

  #work(): void {
    const next = this.#next;
    if (this.#busy || !next) return;
    this.#next = undefined;
    this.#busy = true;
    this.#worker.postMessage(next, [next.frame]);
  }

  #done(frame: VideoFrame | undefined): void {
    this.#busy = false;
    if (frame) this.#scaled(frame);
    this.#work();
  }
}
