// Counts how often playback ran dry while the stream was live. No clock: time is passed in.

/** A shorter halt is not noticed. */
const NOTICED_MS = 100;
/** Running dry this soon after the start or a jump is caused by it, and does not count. */
const SETTLES_MS = 1_000;

/** Callbacks of {@link Stalls}. */
export interface StallOwner {
  /** Playback is waiting for media, or resumed. */
  waiting(waits: boolean): void;
  /** A stall was counted. */
  stalled(nowMs: number): void;
}

/** Detects and counts stalls. */
export class Stalls {
  readonly #owner: StallOwner;
  /** Since when the playhead is held, and whether that was counted. */
  #held: { sinceMs: number; counted: boolean } | undefined;
  #placedAtMs = -Infinity;
  #count = 0;
  /** Whether media is expected. */
  live = true;

  constructor(owner: StallOwner) {
    this.#owner = owner;
  }

  get count(): number {
    return this.#count;
  }

  /** Playback started or jumped. */
  placed(nowMs: number): void {
    this.#held = undefined;
    this.#placedAtMs = nowMs;
  }

  /** The playhead is held for lack of media. */
  hold(nowMs: number): void {
    if (this.#held === undefined) {
      this.#held = { sinceMs: nowMs, counted: false };
      this.#owner.waiting(true);
    } else if (!this.#held.counted && nowMs - this.#held.sinceMs > NOTICED_MS) {
      this.#held.counted = true;
      this.#countStall(nowMs);
    }
  }

  /** The playhead moves. */
  moves(): void {
    if (this.#held === undefined) return;
    this.#held = undefined;
    this.#owner.waiting(false);
  }

  /** The browser itself ran out of media. */
  ranDry(nowMs: number): void {
    this.#owner.waiting(true);
    this.#countStall(nowMs);
  }

  #countStall(nowMs: number): void {
    if (!this.live || nowMs - this.#placedAtMs < SETTLES_MS) return;
    this.#count++;
    this.#owner.stalled(nowMs);
  }
}
