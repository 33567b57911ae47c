// How long a session waits before it tries again: longer after each failure, as long as the main server says, only shortly after
// it lost a node that served, and in a hidden page that has shown nothing yet, until the page is seen.

import { backOffMs, type BackOff } from '../../api/back-off';
import type { CallError } from '../../protocol/error';
import type { Wake } from '../../transport/wake';

/** After a lost node the pauses stay short for a while: the broadcaster is moving as well. */
const QUICK = { forMs: 10_000, longestMs: 1_000 };
/** How often a hidden page that waits looks whether it is seen; it is told as well. */
const HIDDEN_LOOK_MS = 60_000;

/** What pauses depend on. */
export interface PauseOwner {
  problem: () => CallError | undefined;
  hadMedia: () => boolean;
  hidden: () => boolean;
  isClosed: () => boolean;
  /** When the next try is, on the session's clock; undefined once it is made. */
  retriesAt: (retryAtMs: number | undefined) => void;
}

/** See the head of the file. */
export class Pauses {
  readonly #retry: BackOff;
  readonly #wake: Wake;
  readonly #now: () => number;
  readonly #owner: PauseOwner;
  /** When a node that served was lost, until another one serves. */
  #lostAtMs = -Infinity;
  #hurry = false;

  /** `wake` rings when something changed that may end a pause. */
  constructor(retry: BackOff, wake: Wake, now: () => number, owner: PauseOwner) {
    this.#retry = retry;
    this.#wake = wake;
    this.#now = now;
    this.#owner = owner;
  }

  /** A node that served was lost. */
  lost(): void {
    this.#lostAtMs = this.#now();
  }

  /** A node serves. */
  serves(): void {
    this.#lostAtMs = -Infinity;
  }

  get lostJustNow(): boolean {
    return this.#now() - this.#lostAtMs < QUICK.forMs;
  }

  /** What waits for its next try is tried now. */
  hurry(): void {
    this.#hurry = true;
    this.#wake.ring();
  }

  /** Waits for the next try, after so many failures in a row. */
  async pause(failures: number, longestMs?: number): Promise<void> {
    const pauseMs = this.#pauseMs(failures, longestMs);
    const until = this.#now() + pauseMs;
    this.#owner.retriesAt(until);
    this.#hurry = false;
    for (let left = pauseMs; left > 0 && !this.#isOver(); left = until - this.#now()) await this.#wake.wait(left);
    while (!this.#isOver() && !this.#owner.hadMedia() && this.#owner.hidden()) await this.#wake.wait(HIDDEN_LOOK_MS);
    this.#owner.retriesAt(undefined);
  }

  /** A call, because the compiler believes fields unchanged across an await. */
  #isOver(): boolean {
    return this.#owner.isClosed() || this.#hurry;
  }

  #pauseMs(failures: number, longestMs = this.#retry.longestMs): number {
    const problem = this.#owner.problem();
    const isFull = problem?.code === 'no_capacity' || problem?.code === 'limit_reached';
    const quick = !isFull && this.lostJustNow;
    const retry = { ...this.#retry, longestMs: quick ? QUICK.longestMs : longestMs };
    return backOffMs(retry, failures, problem);
  }
}
