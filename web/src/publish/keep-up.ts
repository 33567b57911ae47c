// Whether the encoder keeps up. One that does not drops pictures and lets those it takes wait: viewers see few of them,
// late. Judged by pictures alone, those offered to the recorder and those in its recording, so a source that gives few
// is no fault of the encoder. Knows no clock: time comes in as a value.

/** A recording begins slowly: the encoder starts, the first pictures queue. */
const SETTLES_MS = 3_000;
/** Over so long the pictures are counted. */
const WINDOW_MS = 5_000;
/** Less than this share of what was offered is too little. */
const LEAST_SHARE = 0.6;
/** So few offered in a window prove nothing. */
const FEWEST_OFFERED = 30;
/** Between samples. */
const SAMPLE_MS = 500;

interface Sample {
  atMs: number;
  offered: number;
  recorded: number;
}

/** Judges one recording. */
export class KeepUp {
  #beganMs: number | undefined;
  #samples: Sample[] = [];

  /** Whether far too few pictures were recorded for some seconds. Both counts are since the recording began. */
  isBehind(nowMs: number, offered: number, recorded: number): boolean {
    this.#beganMs ??= nowMs;
    if (nowMs - this.#beganMs < SETTLES_MS) return false;
    const last = this.#samples.at(-1);
    if (!last || nowMs - last.atMs >= SAMPLE_MS) this.#samples.push({ atMs: nowMs, offered, recorded });
    const from = this.#samples.findLast(({ atMs }) => nowMs - atMs >= WINDOW_MS);
    if (!from) return false;
    this.#samples = this.#samples.filter(({ atMs }) => atMs >= from.atMs);
    const wanted = offered - from.offered;
    return wanted >= FEWEST_OFFERED && recorded - from.recorded < LEAST_SHARE * wanted;
  }
}
