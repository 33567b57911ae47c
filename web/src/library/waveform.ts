// The wave form of an audio item, from the fragments that are here: the loudest sample of each short stretch of time. Fragments that
// have not been fetched leave a hole. No DOM but the decoder that it is given.

import type { Wave } from './peaks';
import type { Piece } from './plan';

/** Stretches per second. */
const PER_SECOND = 4;
/** Samples per second are enough to find peaks; the decoder resamples. */
export const WAVE_RATE = 8_000;

/** Decoded sound: its length in seconds and the samples of one channel. */
export interface Sound {
  duration: number;
  samples: Float32Array;
}

/** Decodes a whole file; the bytes are taken. */
export type Decode = (bytes: ArrayBuffer) => Promise<Sound>;

/** See the head of the file. */
export class WaveForm implements Wave {
  readonly #decode: Decode;
  readonly #changed: () => void;
  #peaks = new Float32Array();
  readonly #seen = new Set<string>();
  /** One after another: decoding takes the processor. */
  #turn: Promise<void> = Promise.resolve();

  constructor(decode: Decode, changed: () => void) {
    this.#decode = decode;
    this.#changed = changed;
  }

  /** Whether a piece was added already. */
  has(piece: Piece): boolean {
    return this.#seen.has(piece.id);
  }

  /** A piece arrived. */
  add(piece: Piece, bytes: Uint8Array<ArrayBuffer>, init: Uint8Array<ArrayBuffer> | undefined): void {
    if (this.#seen.has(piece.id)) return;
    this.#seen.add(piece.id);
    this.#turn = this.#turn.then(() => this.#decoded(piece, joined(init, bytes))).catch(() => undefined);
  }

  /** A piece was decoded: the samples of one channel. */
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

/** By this browser. */
export const decodeSound: Decode = async (bytes) => {
  const context = new OfflineAudioContext(1, 1, WAVE_RATE);
  const sound = await context.decodeAudioData(bytes);
  return { duration: sound.duration, samples: sound.getChannelData(0) };
};
