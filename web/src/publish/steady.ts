// A video track that keeps moving while the screen is still (cadence.ts says why and when). It also scales down
// pictures that exceed the constraints, and knows the capture time of each picture, which recorders do not tell.
// Chromium only. Other browsers use the track unchanged: viewers of a still screen are further behind, and the measured
// latency omits the encoder.

import { localNowMs } from '../transport/clock';
import { Cadence } from './cadence';
import { CaptureClock, PAINTED_BEFORE_MS } from './capture-clock';
import { Scaler } from './scaler';
import { fit, type Size } from './size';

// Missing in the compiler's DOM types.
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

/** A stream for recording; it must be closed. */
export interface SteadyStream {
  readonly stream: MediaStream;
  /** Starts passing pictures. To be called after the recorder has started, so that it gets the first one. */
  begin(): void;
  /** Local capture time of the first passed picture; undefined if unknown. */
  firstAtMs(): number | undefined;
  /** Number of pictures since {@link begin}, repeats included; undefined if unknown. */
  offered(): number | undefined;
  /** The size of the newest picture as captured and as recorded; undefined before the first. */
  size(): { source: Size; sent: Size } | undefined;
  close(): void;
}

/**
 * `stream` with its picture kept moving and within `limit`, if this browser supports that. Its own tracks stay
 * unchanged.
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

/**
 * Creates a picture with a new timestamp. A clone does not work, because it keeps the capture time that recorders use.
 */
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
  /** Created when the first picture needs scaling. */
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

  /** Passes pictures on as they come, or to the scaler. */
  async #pass(): Promise<void> {
    for (;;) {
      const { value: frame } = await this.#reader.read();
      if (!frame) break;
      this.#captureClock.arrived(localNowMs(), frame.timestamp);
      if (this.#open) this.#offered++;
      this.#take(frame);
    }
    // The source has ended, so this stream ends too.
    this.close();
  }

  #take(frame: VideoFrame): void {
    const { displayWidth, displayHeight, visibleRect } = frame;
    const shown = { width: displayWidth, height: displayHeight };
    // Recorders use the actual pixels, whatever the display size.
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
    // A later picture that needed no scaling has passed already.
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

  /** Copies the picture in its own pixel format; another format would restart the encoder. */
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
    // A stopped track accepts no more pictures, and none are needed then.
    this.#writer.write(frame).catch(() => frame.close());
  }
}
