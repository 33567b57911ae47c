// How far behind capture a viewer has to play so that no chunk comes too late.
//
// The playhead at `now` shows media time `now - delay`. Until a chunk arrives only what lies before its start can be
// shown, so a chunk that arrives at `a` and starts at `s` asks for a delay of at least `a - s`. The meter keeps the
// largest demand of the last seconds. Lumps (a still screen sends its sound once a second) and network hiccups need
// no rule of their own: both are just larger demands. Times are milliseconds; `a` and `s` are on different clocks,
// so a delay means something only beside others of the same media source.

/** How long a demand is remembered. A still screen repeats its own once a second, a hiccup is forgotten after this. */
const WINDOW_MS = 6_000;
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
    this.#arrivals = this.#arrivals.filter((old) => old.atMs > nowMs - WINDOW_MS);
    this.#arrivals.push(arrival);
  }

  /** The delay that would have shown every chunk of the last seconds in time; undefined until one came live. */
  get neededDelayMs(): number | undefined {
    if (this.#arrivals.length === 0) return undefined;
    const demand = Math.max(...this.#arrivals.map((arrival) => arrival.demandMs));
    const fastest = Math.min(...this.#arrivals.map((arrival) => arrival.transitMs));
    return Math.min(demand, fastest + MAX_SPREAD_MS);
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
