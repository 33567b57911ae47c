// One run of a MediaRecorder: turns its blobs into segments, in order and with the time each was cut. Reading a blob is
// asynchronous and reads may finish in any order, so each waits for the previous one.

import { localNowMs } from '../transport/clock';
import type { EncoderSettings } from './encoder';

/** Callbacks of a recording. */
export interface RecorderListener {
  /** The recorder reported its start; local clock. */
  started(atMs: number): void;
  /**
   * The next segment. `mime` is the recorder's own full type, `cutAtMs` the local time at which the segment was cut.
   */
  segment(bytes: ArrayBuffer, mime: string, cutAtMs: number): void;
  /** The recording failed and has ended; `cause` is the browser's error. */
  failed(cause: unknown): void;
}

/** Interval of the recorder's blobs. A shorter one gains nothing, because sound is packed by 60 ms. */
const TIMESLICE_MS = 100;
/** Viewers can join at keyframes only. The browser's default is one in 101 frames, 10 s on a quiet screen. */
const KEYFRAME_INTERVAL_MS = 1_000;

interface RecorderOptions extends MediaRecorderOptions {
  videoKeyFrameIntervalDuration?: number;
}

/** Creates recorders; tests pass their own. */
export type CreateRecorder = (stream: MediaStream, options: RecorderOptions) => MediaRecorder;

/** A running recording of one stream. */
export class Recorder {
  readonly #recorder: MediaRecorder;
  readonly #listener: RecorderListener;
  #reading: Promise<void> = Promise.resolve();
  #over = false;

  /**
   * Starts recording.
   *
   * @throws DOMException when the browser cannot record `stream` with these options.
   */
  constructor(
    stream: MediaStream,
    settings: Omit<EncoderSettings, 'limit'>,
    listener: RecorderListener,
    create: CreateRecorder = (source, options) => new MediaRecorder(source, options),
  ) {
    this.#listener = listener;
    this.#recorder = create(stream, {
      mimeType: settings.type,
      videoBitsPerSecond: settings.videoBitsPerSecond,
      audioBitsPerSecond: settings.audioBitsPerSecond,
      videoKeyFrameIntervalDuration: KEYFRAME_INTERVAL_MS,
    });
    this.#recorder.addEventListener('start', () => this.#listener.started(localNowMs()));
    this.#recorder.addEventListener('dataavailable', (event) => {
      const cutAtMs = localNowMs();
      this.#reading = this.#reading.then(() => this.#read(event.data, cutAtMs));
    });
    this.#recorder.addEventListener('error', (event) => {
      this.#fail('error' in event ? event.error : event);
    });
    this.#recorder.start(TIMESLICE_MS);
  }

  /** Stops; resolves after the last segment was delivered. */
  async stop(): Promise<void> {
    if (this.#recorder.state !== 'inactive') {
      const stopped = new Promise((resolve) => {
        this.#recorder.addEventListener('stop', resolve, { once: true });
      });
      this.#recorder.stop();
      await stopped;
    }
    await this.#reading;
    this.#over = true;
  }

  async #read(blob: Blob, cutAtMs: number): Promise<void> {
    if (this.#over || blob.size === 0) return;
    try {
      const bytes = await blob.arrayBuffer();
      this.#listener.segment(bytes, this.#recorder.mimeType, cutAtMs);
    } catch (cause) {
      // An unreadable segment leaves a gap that no player can skip.
      this.#fail(cause);
    }
  }

  #fail(cause: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.failed(cause);
  }
}
