// The cost of jumps. A jump decodes from the keyframe before its target, which may be hundreds of pictures. The
// duration of the last jump, relative to the media it decoded, predicts the next one. Milliseconds; no clock.

/** The cost of a shorter jump is negligible. */
const FREE_MS = 400;
/** A longer jump was interrupted, as in a frozen page, and measures nothing. */
export const LONGEST_JUMP_MS = 10_000;
/** Minimum for the decoded length, because seeking itself takes a while. */
const LEAST_DECODED_MS = 1_000;

/** Estimates how long a jump would take. */
export class JumpCost {
  #keyframeMs = 0;
  /** The jump in progress: how much media it decodes, and how long it has been observed. */
  #jump: { startedAtMs: number; decodesMs: number; tookMs: number } | undefined;
  /** Duration of a jump per duration of the media it decodes. */
  #ratio = 0;

  /** Media that begins with a keyframe arrived. */
  keyframe(startMs: number): void {
    this.#keyframeMs = startMs;
  }

  /** A jump begins. */
  jumps(toMs: number, nowMs: number): void {
    this.#jump = { startedAtMs: nowMs, decodesMs: this.#decodesMs(toMs), tookMs: 0 };
  }

  /** Counts only time in which the jump is observed in progress, because a paused or hidden page checks seldom. */
  look(seeking: boolean, nowMs: number): void {
    if (this.#jump === undefined) return;
    const { startedAtMs, decodesMs, tookMs } = this.#jump;
    if (seeking) {
      this.#jump.tookMs = nowMs - startedAtMs;
      return;
    }
    this.#jump = undefined;
    this.#ratio = tookMs >= FREE_MS && tookMs <= LONGEST_JUMP_MS ? tookMs / decodesMs : 0;
  }

  /** The stream is joined again, so the end of the last jump is unknown. */
  forgetJump(): void {
    this.#jump = undefined;
  }

  /** The take changed, and with it the cost of decoding. */
  reset(): void {
    this.#ratio = 0;
  }

  /** The estimated duration of a jump to `toMs`; 0 while jumps are cheap. */
  ofMs(toMs: number): number {
    return this.#ratio * this.#decodesMs(toMs);
  }

  get isHigh(): boolean {
    return this.#ratio > 0;
  }

  #decodesMs(toMs: number): number {
    return Math.max(LEAST_DECODED_MS, toMs - this.#keyframeMs);
  }
}
