// Encodes by MediaRecorder, from a picture that is kept moving and within its limit (steady.ts). When frames were captured
// follows from the first picture's capture and the recording's own times; where the browser does not tell the former,
// from the recording's start or the cut (RecordingClock).

import { BlockTimes } from './block-times';
import { RecordingClock } from './capture-clock';
import type { Encoder, EncoderListener, EncoderProgress, EncoderSettings, StartEncoder } from './encoder';
import { Recorder } from './recorder';
import { steady, type SteadyStream } from './steady';

/** Begins a take by MediaRecorder. */
export const startRecording: StartEncoder = (stream, settings, listener) =>
  new RecordingEncoder(stream, settings, listener);

/** See the head of the file. */
class RecordingEncoder implements Encoder {
  readonly #steady: SteadyStream;
  readonly #recorder: Recorder;
  readonly #times = new BlockTimes();

  constructor(stream: MediaStream, settings: EncoderSettings, listener: EncoderListener) {
    this.#steady = steady(stream, settings.limit);
    const clock = new RecordingClock(stream.getAudioTracks().length > 0);
    try {
      this.#recorder = new Recorder(this.#steady.stream, settings, {
        started: (atMs) => clock.started(atMs),
        segment: (bytes, mime, cutAtMs) => {
          this.#times.push(bytes);
          listener.segment(bytes, mime, this.#capturedAtMs ?? clock.capturedAt(cutAtMs, this.#times.newestMs));
        },
        failed: (cause) => listener.failed(cause),
      });
    } catch (error) {
      this.#steady.close();
      throw error;
    }
    this.#steady.begin();
  }

  progress(): EncoderProgress {
    return { offered: this.#steady.offered(), encoded: this.#times.pictures, size: this.#steady.size() };
  }

  async stop(): Promise<void> {
    this.#steady.close();
    await this.#recorder.stop();
  }

  /** Our clock when the newest frame recorded was captured. */
  get #capturedAtMs(): number | undefined {
    const [firstAtMs, firstMs, newestMs] = [this.#steady.firstAtMs(), this.#times.firstVideoMs, this.#times.newestMs];
    if (firstAtMs === undefined || firstMs === undefined || newestMs === undefined) return undefined;
    return firstAtMs + newestMs - firstMs;
  }
}
