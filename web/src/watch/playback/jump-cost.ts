// What jumps cost. A jump decodes from the keyframe before its target, which may be hundreds of pictures: the time that
// the last jump took, for the media that it decoded, says how long another one would take. Milliseconds; no clock.

/** A jump shorter than this costs nothing that matters. */
const FREE_MS = 400;
/** A jump that takes longer stands still, as in a frozen page, and measures nothing. */
export const LONGEST_JUMP_MS = 10_000;
/** Taken for the length of media that a jump decodes, if that is shorter: seeking itself takes a while. */
const LEAST_DECODED_MS = 1_000;

/** See the head of the file. */
export class JumpCost {
  #keyframeMs = 0;
  /** The jump that has not been seen to end: how much media it decodes, and how long it was seen to take. */
  #jump: { startedAtMs: number; decodesMs: number; tookMs: number } | undefined;
  /** Time a jump takes per time of the media that it decodes. */
  #ratio = 0;

  /** Media that begins with a keyframe arrived. */
  keyframe(startMs: number): void {
    this.#keyframeMs = startMs;
  }

  /** A jump begins. */
  jumps(toMs: number, nowMs: number): void {
    this.#jump = { startedAtMs: nowMs, decodesMs: this.#decodesMs(toMs), tookMs: 0 };
  }

  /** Only time in which the jump is seen under way counts: a paused or hidden page looks seldom. */
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

  /** The stream is joined anew: what became of the last jump is unknown. */
  forgetJump(): void {
    this.#jump = undefined;
  }

  /** The take changed, and with it what decoding costs. */
  reset(): void {
    this.#ratio = 0;
  }

  /** How long a jump to `toMs` would take; 0 while jumps are cheap. */
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
