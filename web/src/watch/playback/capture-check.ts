// Whether the capture times of chunks can be believed. They are on the server's clock, which the broadcaster and this page
// each know from an exchange some seconds ago: where that clock is set, or the broadcaster's computer slept, the two do not
// mean the same time until both have asked again. A latency would be wrong by the difference meanwhile, so none is shown.
//
//   timestamp 0 of a take, on our clock = capture time - timestamp - what the server is ahead of us
//
// That is one moment, so it must not move. It may in one case: the media paused, and then nothing arrived for as long. A
// move that is not explained asks for another exchange. If our view of the server's clock was right, the broadcaster has
// corrected itself, and the new times are true. If it was not, the broadcaster has still to learn of it, or knew before us.
// No clock in here: all times are values, milliseconds.

/** Moves up to this much are jitter. */
const TOLERANCE_MS = 150;
/** A pause explains a move only as exactly as arrivals are regular. */
const PAUSE_TOLERANCE_MS = 500;
/** Both sides ask for the server's clock at least every 10 s. */
const SETTLED_AFTER_MS = 15_000;

/** A chunk with a capture time, as it arrived. */
export interface TimedChunk {
  take: number;
  /** In its take's time. */
  ptsMs: number;
  /** Server clock. */
  capturedAtMs: number;
  /** Local clock. */
  arrivedAtMs: number;
}

/** What is known of the server's clock. */
export interface KnownClock {
  readonly offsetMs: number | undefined;
  readonly uncertaintyMs: number | undefined;
  readonly exchanges: number;
}

interface Known {
  chunk: TimedChunk;
  /** Timestamp 0 of the take, on our clock. */
  zeroMs: number;
  offsetMs: number;
  uncertaintyMs: number;
}

/** See the head of the file. */
export class CaptureCheck {
  readonly #clock: KnownClock;
  readonly #ask: () => void;
  #known: Known | undefined;
  #doubt: { sinceMs: number; exchanges: number } | undefined;

  /** `ask` starts another exchange with the server. */
  constructor(clock: KnownClock, ask: () => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Takes the next chunk into account. Tells whether its capture time can be believed. */
  believes(chunk: TimedChunk): boolean {
    const now = this.#read(chunk);
    if (now === undefined) {
      // Nothing to doubt it by, and no latency either as long as the server's clock is not known.
      this.reset();
      return true;
    }
    const before = this.#known;
    if (before?.chunk.take !== chunk.take || this.#isExplained(before, now)) {
      this.#known = now;
      this.#doubt = undefined;
      return true;
    }
    if (this.#doubt === undefined) {
      this.#doubt = { sinceMs: chunk.arrivedAtMs, exchanges: this.#clock.exchanges };
      this.#ask();
    }
    return false;
  }

  /** Forgets everything: what comes next has nothing to do with what came before. */
  reset(): void {
    this.#known = undefined;
    this.#doubt = undefined;
  }

  #read(chunk: TimedChunk): Known | undefined {
    const { offsetMs, uncertaintyMs = 0 } = this.#clock;
    if (offsetMs === undefined) return undefined;
    return { chunk, zeroMs: chunk.capturedAtMs - chunk.ptsMs - offsetMs, offsetMs, uncertaintyMs };
  }

  #isExplained(before: Known, now: Known): boolean {
    const toleranceMs = TOLERANCE_MS + before.uncertaintyMs + now.uncertaintyMs;
    const movedMs = now.zeroMs - before.zeroMs;
    if (Math.abs(movedMs) <= toleranceMs) return true;
    const pausedMs = now.chunk.arrivedAtMs - before.chunk.arrivedAtMs - (now.chunk.ptsMs - before.chunk.ptsMs);
    if (movedMs > 0 && Math.abs(pausedMs - movedMs) <= PAUSE_TOLERANCE_MS) return true;
    if (this.#doubt === undefined) return false;
    const asked = this.#clock.exchanges > this.#doubt.exchanges;
    const wasRight = Math.abs(now.offsetMs - before.offsetMs) <= toleranceMs;
    return (asked && wasRight) || now.chunk.arrivedAtMs - this.#doubt.sinceMs > SETTLED_AFTER_MS;
  }
}
