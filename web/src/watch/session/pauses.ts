// How long a session waits before it tries again: longer after each failure, and as long as the main server asks.
// Pauses are short after the loss of a working node. A hidden page that has shown nothing yet waits until it is
// visible.

import { backOffMs, type BackOff } from '../../api/back-off';
import type { CallError } from '../../protocol/error';
import type { Wake } from '../../transport/wake';

/** For a while after the loss of a node the pauses stay short, because the broadcaster is moving as well. */
const QUICK = { forMs: 10_000, longestMs: 1_000 };
/** How often a waiting hidden page checks whether it is visible, in addition to events. */
const HIDDEN_LOOK_MS = 60_000;

/** The state that pauses depend on. */
export interface PauseOwner {
  problem: () => CallError | undefined;
  hadMedia: () => boolean;
  hidden: () => boolean;
  isClosed: () => boolean;
  /** Reports when the next try is due, on the session's clock; undefined once it is made. */
  retriesAt: (retryAtMs: number | undefined) => void;
}

/** Computes and waits the pauses of one session. */
export class Pauses {
  readonly #retry: BackOff;
  readonly #wake: Wake;
  readonly #now: () => number;
  readonly #owner: PauseOwner;
  /** When a working node was lost; reset once another one works. */
  #lostAtMs = -Infinity;
  #hurry = false;

  /** `wake` fires when something changed that may end a pause. */
  constructor(retry: BackOff, wake: Wake, now: () => number, owner: PauseOwner) {
    this.#retry = retry;
    this.#wake = wake;
    this.#now = now;
    this.#owner = owner;
  }

  /** A working node was lost. */
  lost(): void {
    this.#lostAtMs = this.#now();
  }

  /** A node works. */
  serves(): void {
    this.#lostAtMs = -Infinity;
  }

  get lostJustNow(): boolean {
    return this.#now() - this.#lostAtMs < QUICK.forMs;
  }

  /** Ends the current pause. */
  hurry(): void {
    this.#hurry = true;
    this.#wake.ring();
  }

  /** Waits for the next try, after `failures` failures in a row. */
  async pause(failures: number, longestMs?: number): Promise<void> {
    const pauseMs = this.#pauseMs(failures, longestMs);
    const until = this.#now() + pauseMs;
    this.#owner.retriesAt(until);
    this.#hurry = false;
    for (let left = pauseMs; left > 0 && !this.#isOver(); left = until - this.#now()) await this.#wake.wait(left);
    while (!this.#isOver() && !this.#owner.hadMedia() && this.#owner.hidden()) await this.#wake.wait(HIDDEN_LOOK_MS);
    this.#owner.retriesAt(undefined);
  }

  /** A function, because the compiler assumes that fields do not change during an await. */
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
