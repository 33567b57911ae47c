// The waveform of an audio item, from its available fragments: the loudest sample of each short interval. Missing
// fragments leave a gap. No DOM but the given decoder.

import type { Wave } from './peaks';
import type { Piece } from './plan';

/** Intervals per second. */
const PER_SECOND = 4;
/** A low sample rate suffices to find peaks; the decoder resamples. */
export const WAVE_RATE = 8_000;

/** Decoded sound: its length in seconds and the samples of one channel. */
export interface Sound {
  duration: number;
  samples: Float32Array;
}

/** Decodes a whole file; the buffer is detached. */
export type Decode = (bytes: ArrayBuffer) => Promise<Sound>;

/** A waveform that grows with decoded fragments. */
export class WaveForm implements Wave {
  readonly #decode: Decode;
  readonly #changed: () => void;
  #peaks = new Float32Array();
  readonly #seen = new Set<string>();
  /** Pieces are decoded one after another, because decoding is expensive. */
  #turn: Promise<void> = Promise.resolve();

  constructor(decode: Decode, changed: () => void) {
    this.#decode = decode;
    this.#changed = changed;
  }

  /** Whether a piece was already added. */
  has(piece: Piece): boolean {
    return this.#seen.has(piece.id);
  }

  /** Adds a piece that has arrived. */
  add(piece: Piece, bytes: Uint8Array<ArrayBuffer>, init: Uint8Array<ArrayBuffer> | undefined): void {
    if (this.#seen.has(piece.id)) return;
    this.#seen.add(piece.id);
    this.#turn = this.#turn.then(() => this.#decoded(piece, joined(init, bytes))).catch(() => undefined);
  }

  /** Adds a decoded piece: the samples of one channel. */
  addSound(piece: Piece, samples: Float32Array): void {
    if (this.#seen.has(piece.id)) return;
    this.#seen.add(piece.id);
    this.#draw(piece, samples);
  }

  columns(count: number, durationMs: number): Float32Array {
    const columns = new Float32Array(count).fill(NaN);
    const perColumn = ((durationMs / 1000) * PER_SECOND) / count;
    for (let column = 0; column < count; column++) {
      const from = Math.floor(column * perColumn);
      const to = Math.max(from + 1, Math.floor((column + 1) * perColumn));
      for (let at = from; at < Math.min(to, this.#peaks.length); at++) {
        const peak = this.#peaks[at] ?? NaN;
        const most = columns[column] ?? NaN;
        if (!(most >= peak) && !Number.isNaN(peak)) columns[column] = peak;
      }
    }
    return columns;
  }

  async #decoded(piece: Piece, file: ArrayBuffer): Promise<void> {
    const { samples } = await this.#decode(file);
    this.#draw(piece, samples);
  }

  #draw(piece: Piece, samples: Float32Array): void {
    const from = Math.floor((piece.startMs / 1000) * PER_SECOND);
    const to = Math.ceil((piece.endMs / 1000) * PER_SECOND);
    this.#grow(to);
    for (let at = from; at < to; at++) {
      const share = (n: number): number => Math.floor((samples.length * (n - from)) / (to - from));
      let peak = 0;
      for (let i = share(at); i < share(at + 1); i++) peak = Math.max(peak, Math.abs(samples[i] ?? 0));
      this.#peaks[at] = Math.min(1, peak);
    }
    this.#changed();
  }

  #grow(length: number): void {
    if (length <= this.#peaks.length) return;
    const grown = new Float32Array(length).fill(NaN);
    grown.set(this.#peaks);
    this.#peaks = grown;
  }
}

function joined(init: Uint8Array<ArrayBuffer> | undefined, bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const file = new Uint8Array((init?.byteLength ?? 0) + bytes.byteLength);
  if (init) file.set(init);
  file.set(bytes, init?.byteLength ?? 0);
  return file.buffer;
}

/** Decodes with this browser's own decoder. */
export const decodeSound: Decode = async (bytes) => {
  const context = new OfflineAudioContext(1, 1, WAVE_RATE);
  const sound = await context.decodeAudioData(bytes);
  return { duration: sound.duration, samples: sound.getChannelData(0) };
};
