// Limits the rate of values: the first passes at once, then the newest one per interval.

/** A rate limiter that keeps the newest value. */
export class Paced<T> {
  readonly #everyMs: number;
  readonly #act: (value: T) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #newest: { value: T } | undefined;

  constructor(everyMs: number, act: (value: T) => void) {
    this.#everyMs = everyMs;
    this.#act = act;
  }

  ask(value: T): void {
    this.#newest = { value };
    if (this.#timer === undefined) this.#next();
  }

  /** Drops the waiting value. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): void {
    const newest = this.#newest;
    this.#newest = undefined;
    this.#timer = newest === undefined ? undefined : setTimeout(() => this.#next(), this.#everyMs);
    if (newest !== undefined) this.#act(newest.value);
  }
}
