// Polls at an interval while the page is visible. The interval varies slightly between pages and grows after failures.

import { pageSight, type Sight } from '../browser/sight';
import { backOffMs } from './back-off';

/** Range of the intervals, as a share of the set one. */
const JITTER = { least: 0.75, most: 1.25 };
/** Longest pause after failures: so many intervals, but at least `leastMs`. */
const LONGEST = { intervals: 4, leastMs: 60_000 };
/** First pause after a failure, if the interval is longer. */
const FIRST_RETRY_MS = 2_000;

/** Calls a function at an interval until it is stopped. */
export class Poll {
  readonly #look: () => Promise<void>;
  readonly #everyMs: number;
  readonly #sight: Sight;
  readonly #forgetSight: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** A call is due, but the page is hidden. */
  #due = false;
  #failures = 0;
  #stopped = false;

  /**
   * Calls `look` at once, visible or not, and then about every `everyMs`. After a `look` that throws, it is called
   * again later.
   */
  constructor(everyMs: number, look: () => Promise<void>, sight: Sight = pageSight) {
    this.#everyMs = everyMs;
    this.#look = look;
    this.#sight = sight;
    this.#forgetSight = sight.onChange(() => this.#seen());
    void this.#ask();
  }

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
