// While the broadcaster is missing, the stream may be at another node: when to ask the main server for it, again and again
// with growing pauses. Time comes in as a value.

import { backOffMs, type BackOff } from '../../api/back-off';

/** See the head of the file. */
export class Elsewhere {
  readonly #pauses: BackOff;
  /** When to ask next, and how often that was done; undefined while the broadcaster is there. */
  #looks: { dueMs: number; asked: number } | undefined;

  constructor(pauses: BackOff) {
    this.#pauses = pauses;
  }

  /** The broadcaster is missing. */
  begin(nowMs: number): void {
    this.#looks ??= { dueMs: nowMs + backOffMs(this.#pauses, 1), asked: 0 };
  }

  /** Whether it is time to ask. */
  isDue(nowMs: number): boolean {
    return this.#looks !== undefined && nowMs >= this.#looks.dueMs;
  }

  /** Asked in vain; `problem` is why there was no answer, if there was none. */
  asked(nowMs: number, problem: unknown): void {
    if (this.#looks === undefined) return;
    this.#looks.asked++;
    this.#looks.dueMs = nowMs + backOffMs(this.#pauses, this.#looks.asked + 1, problem);
  }

  /** The broadcaster is there, the stream was found, or it is joined anew. */
  reset(): void {
    this.#looks = undefined;
  }
}
