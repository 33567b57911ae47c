// A video track that keeps moving while the screen stands still: see cadence.ts for why and when. It also scales down
// what the source gives in spite of its constraints, and knows when each picture was captured, which a recorder does not
// tell. Chromium only; where the browser cannot do it the track is used as
// it is: viewers of a still screen are further behind, and the measured latency leaves out what the encoder takes.

import { localNowMs } from '../transport/clock';
import { Cadence } from './cadence';
import { CaptureClock, PAINTED_BEFORE_MS } from './capture-clock';
import { Scaler } from './scaler';
import { fit, type Size } from './size';

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
  /** How many pictures there were to record since {@link begin}, repeats included; none where that cannot be known. */
  offered(): number | undefined;
  /** The size of the newest picture as it came, and as it is recorded; none before the first. */
  size(): { source: Size; sent: Size } | undefined;
  close(): void;
}

/**
 * `stream` with its picture kept moving and within `limit`, if this browser can do that. Its own tracks stay as they are.
 */
export function steady(stream: MediaStream, limit: Size): SteadyStream {
  const [track] = stream.getVideoTracks();
  if (!track || !('MediaStreamTrackProcessor' in globalThis) || !('MediaStreamTrackGenerator' in globalThis)) {
    const size = () => sizeByTrack(track);
    return { stream, begin: nothing, firstAtMs: nothing, offered: nothing, size, close: nothing };
  }
  return new Steadied(track, stream.getAudioTracks(), limit, globalThis as unknown as Insertable);
}

function sizeByTrack(track: MediaStreamTrack | undefined): { source: Size; sent: Size } | undefined {
  const { width, height } = track?.getSettings() ?? {};
  return width && height ? { source: { width, height }, sent: { width, height } } : undefined;
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
  readonly #limit: Size;
  /** Made when the first picture needs it. */
  #scaler: Scaler | undefined;
  #size: { source: Size; sent: Size } | undefined;
  #offered = 0;
  #open = false;
  #firstUs: number | undefined;
  #newestUs = -Infinity;

  constructor(track: MediaStreamTrack, audio: MediaStreamTrack[], limit: Size, insertable: Insertable) {
    this.#limit = limit;
    this.#captureClock = new CaptureClock(track.getSettings().displaySurface === undefined ? 0 : PAINTED_BEFORE_MS);
    this.#generator = new insertable.MediaStreamTrackGenerator({ kind: 'video' });
    this.#writer = this.#generator.writable.getWriter();
    this.#reader = new insertable.MediaStreamTrackProcessor({ track }).readable.getReader();
    this.stream = new MediaStream([this.#generator, ...audio]);
    this.#metronome.onmessage = () => this.#tick();
    this.#pass().catch(() => this.close());
  }

  begin(): void {
    this.#open = true;
  }

  firstAtMs(): number | undefined {
    return this.#firstUs === undefined ? undefined : this.#captureClock.at(this.#firstUs);
  }

  offered(): number {
    return this.#offered;
  }

  size(): { source: Size; sent: Size } | undefined {
    return this.#size;
  }

  close(): void {
    this.#metronome.terminate();
    this.#scaler?.close();
    this.#reader.cancel().catch(() => undefined);
    this.#generator.stop();
    this.#keep(undefined);
  }

  /** Hands pictures through as they come, or to be scaled. */
  async #pass(): Promise<void> {
    for (;;) {
      const { value: frame } = await this.#reader.read();
      if (!frame) break;
      this.#captureClock.arrived(localNowMs(), frame.timestamp);
      if (this.#open) this.#offered++;
      this.#take(frame);
    }
    // The source is over: so is what is made of it.
    this.close();
  }

  #take(frame: VideoFrame): void {
    const { displayWidth, displayHeight, visibleRect } = frame;
    const shown = { width: displayWidth, height: displayHeight };
    // Recorders take the pixels that are there, whatever size they are meant to be shown in.
    const { width, height } = visibleRect ?? shown;
    const source = { width, height };
    // Pictures that are too large are better than none.
    if (fit(source, this.#limit) === source || this.#scaler?.broken === true) {
      this.#size = { source, sent: source };
      this.#pictureCame(frame);
      return;
    }
    const sent = fit(shown, this.#limit);
    this.#size = { source, sent };
    this.#scaler ??= new Scaler((scaled) => this.#pictureCame(scaled));
    this.#scaler.push(frame, sent);
  }

  #pictureCame(frame: VideoFrame): void {
    // Overtaken by one that needed no scaling.
    if (frame.timestamp <= this.#newestUs) {
      frame.close();
      return;
    }
    this.#newestUs = frame.timestamp;
    this.#cadence.passed(performance.now(), frame.timestamp);
    this.#keep(frame.clone());
    this.#write(frame);
  }

  #tick(): void {
    // A newer picture is about to come.
    if (this.#scaler?.busy) return;
    const timestampUs = this.#cadence.due(performance.now());
    if (timestampUs === undefined) return;
    if (this.#still && this.#open) this.#offered++;
    if (this.#still) this.#write(this.#still(timestampUs));
    else if (this.#newest) void this.#copy(this.#newest);
  }

  /** Copies the picture out in its own pixel format: another one would make the encoder begin anew. */
  async #copy(frame: VideoFrame): Promise<void> {
    const { format, colorSpace, visibleRect, displayWidth, displayHeight } = frame;
    if (format === null || visibleRect === null) return;
    const pixels = new Uint8Array(frame.allocationSize());
    const layout = await frame.copyTo(pixels).catch(() => undefined);
    if (!layout || this.#newest !== frame) return;
    const { width: codedWidth, height: codedHeight } = visibleRect;
    this.#keep(undefined);
    this.#still = (timestamp) =>
      new VideoFrame(pixels, {
        format,
        codedWidth,
        codedHeight,
        displayWidth,
        displayHeight,
        layout,
        colorSpace,
        timestamp,
      });
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
