// A video track that keeps moving while the screen stands still: see cadence.ts for why and when. It also knows when
// each picture was captured, which a recorder does not tell. Chromium only; where the browser cannot do it the track is used as
// it is: viewers of a still screen are further behind, and the measured latency leaves out what the encoder takes.

import { localNowMs } from '../transport/clock';
import { Cadence } from './cadence';
import { CaptureClock, PAINTED_BEFORE_MS } from './capture-clock';

// Not yet among the compiler's DOM types.
interface FrameProcessor {
  readable: ReadableStream<VideoFrame>;
}
interface FrameGenerator extends MediaStreamTrack {
  writable: WritableStream<VideoFrame>;
}
interface Insertable {
  MediaStreamTrackProcessor: new (init: { track: MediaStreamTrack }) => FrameProcessor;
  MediaStreamTrackGenerator: new (init: { kind: 'video' }) => FrameGenerator;
}

/** A stream to record; close it when done. */
export interface SteadyStream {
  readonly stream: MediaStream;
  /** Lets pictures through: call it when the recorder has started, so that its first picture is ours. */
  begin(): void;
  /** Our clock when the first picture let through was captured; none where that cannot be known. */
  firstAtMs(): number | undefined;
  close(): void;
}

/** `stream` with its picture kept moving, if this browser can do that. Its own tracks stay as they are. */
export function steady(stream: MediaStream): SteadyStream {
  const [track] = stream.getVideoTracks();
  if (!track || !('MediaStreamTrackProcessor' in globalThis) || !('MediaStreamTrackGenerator' in globalThis)) {
    return { stream, begin: nothing, firstAtMs: nothing, close: nothing };
  }
  return new Steadied(track, stream.getAudioTracks(), globalThis as unknown as Insertable);
}

const nothing = (): undefined => undefined;

/** Makes a picture with a new timestamp. A clone will not do: it keeps the capture time, by which recorders go. */
type Still = (timestampUs: number) => VideoFrame;

class Steadied implements SteadyStream {
  readonly stream: MediaStream;
  readonly #generator: FrameGenerator;
  readonly #reader: ReadableStreamDefaultReader<VideoFrame>;
  readonly #writer: WritableStreamDefaultWriter<VideoFrame>;
  readonly #metronome = new Worker(new URL('./metronome.ts', import.meta.url), { type: 'module' });
  readonly #cadence = new Cadence();
  /** The newest picture, until it is copied. */
  #newest: VideoFrame | undefined;
  #still: Still | undefined;
  readonly #captureClock: CaptureClock;
  #open = false;
  #firstUs: number | undefined;

  constructor(track: MediaStreamTrack, audio: MediaStreamTrack[], insertable: Insertable) {
    this.#captureClock = new CaptureClock(track.getSettings().displaySurface === undefined ? 0 : PAINTED_BEFORE_MS);
    this.#generator = new insertable.MediaStreamTrackGenerator({ kind: 'video' });
    this.#writer = this.#generator.writable.getWriter();
    this.#reader = new insertable.MediaStreamTrackProcessor({ track }).readable.getReader();
    this.stream = new MediaStream([this.#generator, ...audio]);
    this.#metronome.onmessage = () => this.#tick();
    void this.#pass();
  }

  begin(): void {
    this.#open = true;
  }

  firstAtMs(): number | undefined {
    return this.#firstUs === undefined ? undefined : this.#captureClock.at(this.#firstUs);
  }

  close(): void {
    this.#metronome.terminate();
    this.#reader.cancel().catch(() => undefined);
    this.#generator.stop();
    this.#keep(undefined);
  }

  /** Hands pictures through as they come. */
  async #pass(): Promise<void> {
    for (;;) {
      const { value: frame } = await this.#reader.read();
      if (!frame) break;
      this.#cadence.passed(performance.now(), frame.timestamp);
      this.#captureClock.arrived(localNowMs(), frame.timestamp);
      this.#keep(frame.clone());
      this.#write(frame);
    }
    // The source is over: so is what is made of it.
    this.close();
  }

  #tick(): void {
    const timestampUs = this.#cadence.due(performance.now());
    if (timestampUs === undefined) return;
    if (this.#still) this.#write(this.#still(timestampUs));
    else if (this.#newest) void this.#copy(this.#newest);
  }

  /** Copies the picture out in its own pixel format: another one would make the encoder begin anew. */
  async #copy(frame: VideoFrame): Promise<void> {
    const { format, colorSpace, visibleRect } = frame;
    if (format === null || visibleRect === null) return;
    const pixels = new Uint8Array(frame.allocationSize());
    const layout = await frame.copyTo(pixels).catch(() => undefined);
    if (!layout || this.#newest !== frame) return;
    const { width: codedWidth, height: codedHeight } = visibleRect;
    this.#keep(undefined);
    this.#still = (timestamp) =>
      new VideoFrame(pixels, { format, codedWidth, codedHeight, layout, colorSpace, timestamp });
  }

  #keep(frame: VideoFrame | undefined): void {
    this.#newest?.close();
    this.#newest = frame;
    this.#still = undefined;
  }

  #write(frame: VideoFrame): void {
    if (!this.#open) {
      frame.close();
      return;
    }
    this.#firstUs ??= frame.timestamp;
    // A track that has been stopped takes no more; there is nobody to miss the picture.
    this.#writer.write(frame).catch(() => frame.close());
  }
}
