// How far behind capture a viewer must play so that no chunk arrives too late.
//
// The playhead at `now` shows media time `now - delay`. Until a chunk arrives, only media before its start can be
// shown, so a chunk that arrives at `a` and starts at `s` demands a delay of at least `a - s`. Bursts (a still screen
// may send its sound once a second) and network hiccups need no special rule: both are larger demands. Recent demands
// count at once. Older ones count only if they were repeated, so that one hiccup costs seconds of delay, while a
// recurring one does not stall each time. Times are milliseconds; `a` and `s` are on different clocks, so delays are
// comparable only within one media source.

/** How long every demand counts: longer than the interval of bursts, which is a second. */
const RECENT_MS = 2_000;
/** How long a repeated demand counts, and how far apart two demands must be to count as separate. */
const HABIT = { countsMs: 15_000, apartMs: 4_000 };
/** The largest delay beyond the fastest chunk. For later chunks a skip is better. */
const MAX_SPREAD_MS = 2_500;

interface Arrival {
  atMs: number;
  /** Arrival minus start: the delay that this chunk demands. */
  demandMs: number;
  /** Arrival minus end: the transit time of the chunk's newest frame. */
  transitMs: number;
}

/** Measures the delay that the chunks of one stream demand. */
export class ArrivalMeter {
  #arrivals: Arrival[] = [];
  /** The last chunk of a backlog; undefined once chunks arrive live, `none` before the first chunk. */
  #backlog: { startMs: number; demandMs: number } | 'none' | undefined = 'none';

  /** Records a chunk that arrived at `nowMs` and covers `startMs` to `endMs` of media time. */
  arrived(startMs: number, endMs: number, nowMs: number): void {
    const arrival = { atMs: nowMs, demandMs: nowMs - startMs, transitMs: nowMs - endMs };
    if (this.#isBacklog(startMs, arrival.demandMs)) return;
    this.#arrivals = this.#arrivals.filter((old) => old.atMs > nowMs - HABIT.countsMs);
    this.#arrivals.push(arrival);
  }

  /** The delay at which chunks like the last ones arrive in time; undefined until one arrived live. */
  get neededDelayMs(): number | undefined {
    const newest = this.#arrivals.at(-1);
    if (newest === undefined) return undefined;
    const recent = largest(this.#arrivals.filter((arrival) => arrival.atMs > newest.atMs - RECENT_MS));
    const top = this.#arrivals.reduce((most, arrival) => (arrival.demandMs > most.demandMs ? arrival : most));
    const again = largest(this.#arrivals.filter((arrival) => Math.abs(arrival.atMs - top.atMs) >= HABIT.apartMs));
    const fastest = Math.min(...this.#arrivals.map((arrival) => arrival.transitMs));
    return Math.min(Math.max(recent, again), fastest + MAX_SPREAD_MS);
  }

  /** The next chunks were waiting at the node (a join, a reconnect): measuring resumes with the first live chunk. */
  expectBacklog(): void {
    this.#backlog = 'none';
  }

  /** Forgets everything, because media time restarts. */
  reset(): void {
    this.#arrivals = [];
    this.expectBacklog();
  }

  /** A backlog arrives faster than it plays, so each of its chunks demands less than the previous one. */
  #isBacklog(startMs: number, demandMs: number): boolean {
    const before = this.#backlog;
    if (before === undefined) return false;
    const isLive = before !== 'none' && demandMs > before.demandMs - (startMs - before.startMs) / 2;
    this.#backlog = isLive ? undefined : { startMs, demandMs };
    return !isLive;
  }
}

function largest(arrivals: readonly Arrival[]): number {
  return arrivals.reduce((most, arrival) => Math.max(most, arrival.demandMs), -Infinity);
}
