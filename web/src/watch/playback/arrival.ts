// How far behind capture a viewer has to play so that no chunk comes too late.
//
// The playhead at `now` shows media time `now - delay`. Until a chunk arrives only what lies before its start can be
// shown, so a chunk that arrives at `a` and starts at `s` asks for a delay of at least `a - s`. Lumps (a still screen
// may send its sound once a second) and network hiccups need no rule of their own: both are just larger demands.
// What was asked for just now counts at once; older demands count only if they were made more than once, so that one
// hiccup costs seconds of delay and a habit does not cost a stall each time. Times are milliseconds; `a` and `s` are on
// different clocks, so a delay means something only beside others of the same media source.

/** How long every demand counts: longer than the distance of lumps, which is a second. */
const RECENT_MS = 2_000;
/** How long a demand counts that was made again, and how far apart the two have to be not to be one. */
const HABIT = { countsMs: 15_000, apartMs: 4_000 };
/** Most the delay grows past the fastest chunk: whoever is later than this is better served by a skip. */
const MAX_SPREAD_MS = 2_500;

interface Arrival {
  atMs: number;
  /** Arrival minus start: the delay this chunk asks for. */
  demandMs: number;
  /** Arrival minus end: how long the chunk's newest frame was under way. */
  transitMs: number;
}

/** Measures the delay that the chunks of one stream ask for. */
export class ArrivalMeter {
  #arrivals: Arrival[] = [];
  /** The last chunk of a backlog; undefined once chunks come live. `none` while there was no chunk at all. */
  #backlog: { startMs: number; demandMs: number } | 'none' | undefined = 'none';

  /** Takes in a chunk that arrived at `nowMs` and covers `startMs` to `endMs` of media time. */
  arrived(startMs: number, endMs: number, nowMs: number): void {
    const arrival = { atMs: nowMs, demandMs: nowMs - startMs, transitMs: nowMs - endMs };
    if (this.#isBacklog(startMs, arrival.demandMs)) return;
    this.#arrivals = this.#arrivals.filter((old) => old.atMs > nowMs - HABIT.countsMs);
    this.#arrivals.push(arrival);
  }

  /** The delay that chunks like the last ones need to be shown in time; undefined until one came live. */
  get neededDelayMs(): number | undefined {
    const newest = this.#arrivals.at(-1);
    if (newest === undefined) return undefined;
    const recent = largest(this.#arrivals.filter((arrival) => arrival.atMs > newest.atMs - RECENT_MS));
    const top = this.#arrivals.reduce((most, arrival) => (arrival.demandMs > most.demandMs ? arrival : most));
    const again = largest(this.#arrivals.filter((arrival) => Math.abs(arrival.atMs - top.atMs) >= HABIT.apartMs));
    const fastest = Math.min(...this.#arrivals.map((arrival) => arrival.transitMs));
    return Math.min(Math.max(recent, again), fastest + MAX_SPREAD_MS);
  }

  /** What comes next was waiting at the node (a join, a reconnect): it counts again from the first live chunk on. */
  expectBacklog(): void {
    this.#backlog = 'none';
  }

  /** Forgets everything: media time starts anew. */
  reset(): void {
    this.#arrivals = [];
    this.expectBacklog();
  }

  /** A backlog comes faster than it plays, so each of its chunks asks for less than the one before. */
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
