// The amount of something per second, over the last seconds. Time is passed in.

/** Long enough not to flicker, short enough to show a change. */
const WINDOW_MS = 4_000;
/** No rate before this, because it would be that of the first group alone. */
const FIRST_AFTER_MS = 2_000;

/** A rate over a sliding window. Stores the amounts of one window. */
export class Rate {
  #amounts: { atMs: number; amount: number }[] = [];
  #startedAtMs: number | undefined;

  add(amount: number, nowMs: number): void {
    this.#startedAtMs ??= nowMs;
    this.#amounts = this.#recent(nowMs);
    this.#amounts.push({ atMs: nowMs, amount });
  }

  /** The current rate; undefined at first. */
  perSecond(nowMs: number): number | undefined {
    const overMs = Math.min(WINDOW_MS, nowMs - (this.#startedAtMs ?? nowMs));
    if (overMs < FIRST_AFTER_MS) return undefined;
    const sum = this.#recent(nowMs).reduce((total, { amount }) => total + amount, 0);
    return (sum * 1000) / overMs;
  }

  #recent(nowMs: number): { atMs: number; amount: number }[] {
    return this.#amounts.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
  }
}
