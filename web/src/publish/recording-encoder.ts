// Encodes by MediaRecorder, from a picture that is kept moving and within its limit (steady.ts). Capture times follow
// from the capture of the first picture and the recording's own times. If the browser does not tell the former, they
// follow from the recording's start or the cut (RecordingClock).

import { BlockTimes } from './block-times';
import { RecordingClock } from './capture-clock';
import type { Encoder, EncoderListener, EncoderProgress, EncoderSettings, StartEncoder } from './encoder';
import { Recorder } from './recorder';
import { steady, type SteadyStream } from './steady';

/** Begins a take by MediaRecorder. */
export const startRecording: StartEncoder = (stream, settings, listener) =>
  new RecordingEncoder(stream, settings, listener);

/** One run of a MediaRecorder on a steady stream. */
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

  /** Local capture time of the newest recorded frame. */
  get #capturedAtMs(): number | undefined {
    const [firstAtMs, firstMs, newestMs] = [this.#steady.firstAtMs(), this.#times.firstVideoMs, this.#times.newestMs];
    if (firstAtMs === undefined || firstMs === undefined || newestMs === undefined) return undefined;
    return firstAtMs + newestMs - firstMs;
  }
}
