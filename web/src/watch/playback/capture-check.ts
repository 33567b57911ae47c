// Whether the capture times of chunks can be believed. They are on the server's clock, which the broadcaster and this
// page each know from an exchange some seconds ago. After that clock was set, or the broadcaster's computer slept, the
// two disagree until both have done another exchange. Until then latencies would be wrong by the difference, so none is
// shown.
//
// timestamp 0 of a take, on the local clock = capture time - timestamp - the server's offset
//
// That moment must not move, with one exception: the media paused, and nothing arrived for the same time. An
// unexplained move triggers another exchange. If this page's estimate of the server's clock was right, the broadcaster
// has corrected itself, and the new times are true. If it was wrong, the broadcaster either has not noticed yet, or
// noticed first. No clock in here: all times are values, milliseconds.

/** Smaller moves are jitter. */
const TOLERANCE_MS = 150;
/** Tolerance for a move explained by a pause, which depends on the regularity of arrivals. */
const PAUSE_TOLERANCE_MS = 500;
/** Both sides do an exchange at least every 10 s. */
const SETTLED_AFTER_MS = 15_000;

/** A chunk with a capture time, as it arrived. */
export interface TimedChunk {
  take: number;
  /** In its take's time. */
  ptsMs: number;
  /** On the server's clock. */
  capturedAtMs: number;
  /** On the local clock. */
  arrivedAtMs: number;
}

/** The estimate of the server's clock. */
export interface KnownClock {
  readonly offsetMs: number | undefined;
  readonly uncertaintyMs: number | undefined;
  readonly exchanges: number;
}

interface Known {
  chunk: TimedChunk;
  /** Timestamp 0 of the take, on the local clock. */
  zeroMs: number;
  offsetMs: number;
  uncertaintyMs: number;
}

/** Checks the capture times of one stream. */
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

  /** Records the next chunk. Returns whether its capture time can be believed. */
  believes(chunk: TimedChunk): boolean {
    const now = this.#read(chunk);
    if (now === undefined) {
      // While the server's clock is unknown there is no latency to be wrong.
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

  /** Forgets everything, because the next media is unrelated. */
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
