// The waveform of an item as a job measured it, so that no media has to be read for it. No DOM.

import type { Waveform } from '../protocol/job';

/** What a drawing of a waveform needs. */
export interface Wave {
  /** The loudness of `count` equal stretches of an item of this length, 0 to 1; NaN where it is not known. */
  columns(count: number, durationMs: number): Float32Array;
}

/** Most peaks that are taken from an answer. */
const MOST_PEAKS = 100_000;

/** See the head of the file. */
export class Peaks implements Wave {
  readonly #peakMs: number;
  readonly #peaks: readonly number[];

  constructor({ peak_ms, peaks }: Waveform) {
    this.#peakMs = peak_ms;
    this.#peaks = peaks;
  }

  columns(count: number, durationMs: number): Float32Array {
    const columns = new Float32Array(count).fill(NaN);
    const perColumn = durationMs / this.#peakMs / count;
    for (let column = 0; column < count; column++) {
      const from = Math.floor(column * perColumn);
      const to = Math.min(this.#peaks.length, Math.max(from + 1, Math.floor((column + 1) * perColumn)));
      let most = NaN;
      for (let at = from; at < to; at++) {
        const peak = this.#peaks[at] ?? 0;
        if (!(most >= peak)) most = peak;
      }
      columns[column] = Math.min(1, most / 255);
    }
    return columns;
  }
}

/** Reads a waveform from an answer; undefined if it is none. */
export function readPeaks(answer: unknown): Peaks | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { peak_ms, peaks } = answer as Partial<Waveform>;
  if (typeof peak_ms !== 'number' || !(peak_ms > 0) || !Array.isArray(peaks)) return undefined;
  if (peaks.length === 0 || peaks.length > MOST_PEAKS || !peaks.every(Number.isFinite)) return undefined;
  return new Peaks({ peak_ms, peaks });
}
