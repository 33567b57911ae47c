// The main server's time, from the `Date` of its answers: exact to about a second, which suffices for ages of streams.
// The person's own clock may be hours off.
//
// Two local clocks carry the time between answers. The monotonic one stands still on most systems while the computer
// sleeps; the wall clock runs on, but may be set. A wall clock that was set back is detected and ignored. The next
// answer corrects all other errors.

import { localNowMs } from '../transport/clock';

/** `Date` counts whole seconds, so half a second is the best estimate of the omitted part. */
const HALF_SECOND_MS = 500;
/** An answer this close to the estimate changes nothing; otherwise displayed ages would jump back and forth. */
const AGREES_MS = 1_000;
/** How much the wall clock may fall behind the monotonic one before it counts as set back. */
const SET_BACK_MS = 500;

/** An estimate of the main server's time. */
export class ServerTime {
  readonly #wallMs: () => number;
  readonly #steadyMs: () => number;
  /** Server time minus each of the local clocks; undefined before the first answer. */
  #ahead: { wallMs: number; steadyMs: number } | undefined;

  /** Both clocks are the page's unless a test passes its own. */
  constructor(wallMs: () => number = () => Date.now(), steadyMs: () => number = localNowMs) {
    this.#wallMs = wallMs;
    this.#steadyMs = steadyMs;
  }

  /** Processes an answer with this `Date` header that has just arrived, `tripMs` after its request. */
  observe(date: string | null, tripMs: number): void {
    const answeredMs = date === null ? NaN : Date.parse(date) + HALF_SECOND_MS + tripMs / 2;
    if (!Number.isFinite(answeredMs)) return;
    if (this.#ahead !== undefined && Math.abs(answeredMs - this.nowMs()) <= AGREES_MS + tripMs / 2) return;
    this.#ahead = { wallMs: answeredMs - this.#wallMs(), steadyMs: answeredMs - this.#steadyMs() };
  }

  /** Milliseconds since the Unix epoch; the local clock's time before the first answer. */
  nowMs(): number {
    if (this.#ahead === undefined) return this.#wallMs();
    const byWallMs = this.#wallMs() + this.#ahead.wallMs;
    const bySteadyMs = this.#steadyMs() + this.#ahead.steadyMs;
    return byWallMs < bySteadyMs - SET_BACK_MS ? bySteadyMs : byWallMs;
  }
}

/** The server time of this page. */
export const serverTime = new ServerTime();
