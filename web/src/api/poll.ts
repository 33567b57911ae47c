// Asks the same question again and again, no more often than its answer is worth: while the page is seen, at slightly
// different intervals in each page, and after failures ever more seldom. Stopped, it asks nothing any more.

import { pageSight, type Sight } from '../browser/sight';
import { backOffMs } from './back-off';

/** Spread of the intervals, as a share of them. */
const JITTER = { least: 0.75, most: 1.25 };
/** Longest pause after failures, in intervals, unless that is less than the second. */
const LONGEST = { intervals: 4, leastMs: 60_000 };
/** First pause after a failure, if the interval is longer. */
const FIRST_RETRY_MS = 2_000;

/** See the head of the file. */
export class Poll {
  readonly #look: () => Promise<void>;
  readonly #everyMs: number;
  readonly #sight: Sight;
  readonly #forgetSight: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Its time has come, but the page is hidden. */
  #due = false;
  #failures = 0;
  #stopped = false;

  /** Asks at once, seen or not, and then about every `everyMs`. A `look` that throws is repeated sooner or later. */
  constructor(everyMs: number, look: () => Promise<void>, sight: Sight = pageSight) {
    this.#everyMs = everyMs;
    this.#look = look;
    this.#sight = sight;
    this.#forgetSight = sight.onChange(() => this.#seen());
    void this.#ask();
  }

  /** Asks no more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#forgetSight();
  }

  #seen(): void {
    if (this.#due && this.#sight.visible) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#due = false;
    let waitMs: number;
    try {
      await this.#look();
      this.#failures = 0;
      waitMs = this.#everyMs * (JITTER.least + Math.random() * (JITTER.most - JITTER.least));
    } catch (problem) {
      const firstMs = Math.min(this.#everyMs, FIRST_RETRY_MS);
      const longestMs = Math.max(this.#everyMs * LONGEST.intervals, LONGEST.leastMs);
      waitMs = backOffMs({ firstMs, longestMs }, ++this.#failures, problem);
    }
    if (!this.#stopped) this.#timer = setTimeout(() => this.#come(), waitMs);
  }

  #come(): void {
    if (this.#sight.visible) void this.#ask();
    else this.#due = true;
  }
}
