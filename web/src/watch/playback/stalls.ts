// Counts how often playback ran dry while the stream was live. Knows no clock: time comes in as a value.

/** A halt shorter than this is not noticed. */
const NOTICED_MS = 100;
/** Running dry this soon after the start or a jump is its doing. */
const SETTLES_MS = 1_000;

/** What a {@link Stalls} tells. */
export interface StallOwner {
  /** Playback waits for media, or goes on. */
  waiting(waits: boolean): void;
  /** A stall was counted. */
  stalled(nowMs: number): void;
}

/** See the head of the file. */
export class Stalls {
  readonly #owner: StallOwner;
  /** The playhead is held, and whether that was counted. */
  #held: { sinceMs: number; counted: boolean } | undefined;
  #placedAtMs = -Infinity;
  #count = 0;
  /** Whether media is to be expected. */
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

  /** The playhead is held now, for lack of media. */
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

  /** The browser ran out of media by itself. */
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
