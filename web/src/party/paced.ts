// Asks that come faster than a party wants them: the first passes at once, of those that follow the newest when its time has come.

/** See the head of the file. */
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

  /** Forgets what has not passed. */
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
