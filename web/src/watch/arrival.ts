// How far behind capture a viewer has to play so that no chunk comes too late.
//
// The playhead at `now` shows media time `now - delay`. Until a chunk arrives only what lies before its start can be
// shown, so a chunk that arrives at `a` and starts at `s` asks for a delay of at least `a - s`. Lumps (a still screen
// may send its sound once a second) and network hiccups need no rule of their own: both are just larger demands.
// What was asked for just now counts at once; older demands count only if they were made more than once, so that one
// hiccup costs seconds of delay and a habit does not cost a stall each time. Times are milliseconds; `a` and `s` are on
// different clocks, so a delay means something only beside others of the same media source.

/** How long every demand counts: longer than the distance of lumps, which is a second. */
const RECENT_MS = 3_000;
/** How long a demand counts that was made again, at least {@link RECENT_MS} apart. */
const HABIT_MS = 15_000;
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
  #catchingUp = true;
  #fastestMs = Infinity;

  /** Takes in a chunk that arrived at `nowMs` and covers `startMs` to `endMs` of media time. */
  arrived(startMs: number, endMs: number, nowMs: number): void {
    const arrival = { atMs: nowMs, demandMs: nowMs - startMs, transitMs: nowMs - endMs };
    if (this.#catchingUp && !this.#atLiveEdge(arrival, endMs - startMs)) return;
    this.#catchingUp = false;
    this.#arrivals = this.#arrivals.filter((old) => old.atMs > nowMs - HABIT_MS);
    this.#arrivals.push(arrival);
  }

  /** The delay that chunks like the last ones need to be shown in time; undefined until one came live. */
  get neededDelayMs(): number | undefined {
    const newest = this.#arrivals.at(-1);
    if (newest === undefined) return undefined;
    const recent = largest(this.#arrivals.filter((arrival) => arrival.atMs > newest.atMs - RECENT_MS));
    const top = this.#arrivals.reduce((most, arrival) => (arrival.demandMs > most.demandMs ? arrival : most));
    const again = largest(this.#arrivals.filter((arrival) => Math.abs(arrival.atMs - top.atMs) >= RECENT_MS));
    const fastest = Math.min(...this.#arrivals.map((arrival) => arrival.transitMs));
    return Math.min(Math.max(recent, again), fastest + MAX_SPREAD_MS);
  }

  /** What comes next was waiting at the node (a join, a reconnect): it counts again from the first live chunk on. */
  expectBacklog(): void {
    this.#catchingUp = true;
    this.#fastestMs = Infinity;
  }

  /** Forgets everything: media time starts anew. */
  reset(): void {
    this.#arrivals = [];
    this.expectBacklog();
  }

  /** Chunks of a backlog come faster than they play, so each was less long under way than the one before. */
  #atLiveEdge(arrival: Arrival, durationMs: number): boolean {
    const behind = arrival.transitMs > this.#fastestMs - durationMs / 2;
    this.#fastestMs = Math.min(this.#fastestMs, arrival.transitMs);
    return behind;
  }
}

function largest(arrivals: readonly Arrival[]): number {
  return arrivals.reduce((most, arrival) => Math.max(most, arrival.demandMs), -Infinity);
}
