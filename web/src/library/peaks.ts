// The waveform of an item as measured by a job, so that no media must be read for it. No DOM.

import type { Waveform } from '../protocol/job';

/** The data for drawing a waveform. */
export interface Wave {
  /** The loudness of `count` equal parts of an item of this length, 0 to 1; NaN if unknown. */
  columns(count: number, durationMs: number): Float32Array;
}

/** Most peaks that are read from an answer. */
const MOST_PEAKS = 100_000;

/** A measured waveform. */
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

/** Reads a waveform from an answer; undefined if it is invalid. */
export function readPeaks(answer: unknown): Peaks | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { peak_ms, peaks } = answer as Partial<Waveform>;
  if (typeof peak_ms !== 'number' || !(peak_ms > 0) || !Array.isArray(peaks)) return undefined;
  if (peaks.length === 0 || peaks.length > MOST_PEAKS || !peaks.every(Number.isFinite)) return undefined;
  return new Peaks({ peak_ms, peaks });
}
