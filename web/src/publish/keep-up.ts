// Whether the encoder keeps up. A slow encoder drops pictures and delays the rest, so viewers see few of them, late.
// The check compares the pictures offered to the recorder with those in its recording, so a source that gives few
// pictures is not blamed on the encoder. No clock: time is passed in.

/** A recording starts slowly: the encoder initialises and the first pictures queue. */
const SETTLES_MS = 3_000;
/** Period over which pictures are counted. */
const WINDOW_MS = 5_000;
/** A smaller share of the offered pictures counts as too slow. */
const LEAST_SHARE = 0.6;
/** Fewer offered pictures in a window prove nothing. */
const FEWEST_OFFERED = 30;
/** Interval of samples. */
const SAMPLE_MS = 500;

interface Sample {
  atMs: number;
  offered: number;
  recorded: number;
}

/** Checks one recording. */
export class KeepUp {
  #beganMs: number | undefined;
  #samples: Sample[] = [];

  /** Whether far too few pictures were recorded for some seconds. Both counts are totals since the recording began. */
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
