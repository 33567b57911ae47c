// The main server's time, from the `Date` of its answers: good to about a second, which is what ages of streams need.
// The person's own clock may be hours off.
//
// Two local clocks carry the time between answers. The monotonic one stands still on most systems while the computer
// sleeps; the wall clock goes on, but may be set. Set back, it is recognised and not believed; the next answer corrects
// the rest.

import { localNowMs } from '../transport/clock';

/** `Date` counts whole seconds, so half a second is the best guess of what it leaves out. */
const HALF_SECOND_MS = 500;
/** An answer that agrees with the estimate as well as this changes nothing: shown ages would go back and forth. */
const AGREES_MS = 1_000;
/** How much the wall clock may fall behind the monotonic one before it counts as set back. */
const SET_BACK_MS = 500;

/** See the head of the file. */
export class ServerTime {
  readonly #wallMs: () => number;
  readonly #steadyMs: () => number;
  /** Server time minus each of the local clocks; undefined before the first answer. */
  #ahead: { wallMs: number; steadyMs: number } | undefined;

  /** Both clocks are the page's unless a test brings its own. */
  constructor(wallMs: () => number = () => Date.now(), steadyMs: () => number = localNowMs) {
    this.#wallMs = wallMs;
    this.#steadyMs = steadyMs;
  }

  /** An answer with this `Date` header has just arrived; it was asked for `tripMs` ago. */
  observe(date: string | null, tripMs: number): void {
    const answeredMs = date === null ? NaN : Date.parse(date) + HALF_SECOND_MS + tripMs / 2;
    if (!Number.isFinite(answeredMs)) return;
    if (this.#ahead !== undefined && Math.abs(answeredMs - this.nowMs()) <= AGREES_MS + tripMs / 2) return;
    this.#ahead = { wallMs: answeredMs - this.#wallMs(), steadyMs: answeredMs - this.#steadyMs() };
  }

  /** Milliseconds since the Unix epoch; the local clock's before the first answer. */
  nowMs(): number {
    if (this.#ahead === undefined) return this.#wallMs();
    const byWallMs = this.#wallMs() + this.#ahead.wallMs;
    const bySteadyMs = this.#steadyMs() + this.#ahead.steadyMs;
    return byWallMs < bySteadyMs - SET_BACK_MS ? bySteadyMs : byWallMs;
  }
}

/** What this page knows of the main server's time. */
export const serverTime = new ServerTime();
