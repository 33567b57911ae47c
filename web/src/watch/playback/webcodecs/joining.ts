// When what a joiner was sent at once has all arrived: only then is known where to begin. Time comes in as a value.

/** No chunk came for so long, or chunks have come for so long. */
const QUIET_MS = 40;
const LONGEST_MS = 500;

/** See the head of the file. */
export class Joining {
  #phase: 'awaited' | 'arriving' | 'over' = 'awaited';
  #sinceMs = 0;
  #lastMs = 0;

  /** Whether it is over. */
  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** The stream is joined anew. */
  begin(): void {
    this.#phase = 'awaited';
  }

  /** A chunk arrived. */
  arrived(nowMs: number): void {
    this.#lastMs = nowMs;
    if (this.#phase !== 'awaited') return;
    this.#phase = 'arriving';
    this.#sinceMs = nowMs;
  }

  /** Whether it is over just now. */
  ends(nowMs: number): boolean {
    if (this.#phase !== 'arriving') return false;
    if (nowMs - this.#lastMs < QUIET_MS && nowMs - this.#sinceMs < LONGEST_MS) return false;
    this.#phase = 'over';
    return true;
  }
}
