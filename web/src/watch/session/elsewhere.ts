// While the broadcaster is missing, the stream may be at another node: schedules requests to the main server with
// growing pauses. Time is passed in.

import { backOffMs, type BackOff } from '../../api/back-off';

/** Schedules the search for a stream that may have moved. */
export class Elsewhere {
  readonly #pauses: BackOff;
  /** When the next request is due, and how many were made; undefined while the broadcaster is present. */
  #looks: { dueMs: number; asked: number } | undefined;

  constructor(pauses: BackOff) {
    this.#pauses = pauses;
  }

  /** The broadcaster went missing. */
  begin(nowMs: number): void {
    this.#looks ??= { dueMs: nowMs + backOffMs(this.#pauses, 1), asked: 0 };
  }

  /** Whether a request is due. */
  isDue(nowMs: number): boolean {
    return this.#looks !== undefined && nowMs >= this.#looks.dueMs;
  }

  /** A request had no result; `problem` is its error, if it failed. */
  asked(nowMs: number, problem: unknown): void {
    if (this.#looks === undefined) return;
    this.#looks.asked++;
    this.#looks.dueMs = nowMs + backOffMs(this.#pauses, this.#looks.asked + 1, problem);
  }

  /** The broadcaster is back, the stream was found, or it is joined again. */
  reset(): void {
    this.#looks = undefined;
  }
}
