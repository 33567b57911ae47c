// Detects when the backlog sent to a joiner has arrived completely: only then is the start position known. Time is
// passed in.

/** The backlog is complete when no chunk came for QUIET_MS, or after LONGEST_MS. */
const QUIET_MS = 40;
const LONGEST_MS = 500;

/** The state of one join. */
export class Joining {
  #phase: 'awaited' | 'arriving' | 'over' = 'awaited';
  #sinceMs = 0;
  #lastMs = 0;

  /** Whether it is over. */
  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** The stream is joined again. */
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

  /** Whether joining ends with this call. */
  ends(nowMs: number): boolean {
    if (this.#phase !== 'arriving') return false;
    if (nowMs - this.#lastMs < QUIET_MS && nowMs - this.#sinceMs < LONGEST_MS) return false;
    this.#phase = 'over';
    return true;
  }
}
