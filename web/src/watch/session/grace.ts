// The deadline for the broadcaster of an interrupted stream to return. The main server tells it to viewers who join
// meanwhile; earlier viewers count from the interruption. Time is passed in.

import { GRACE_MS, type StreamInfo } from '../../protocol/stream';

/** The grace period of an interrupted stream. */
export class Grace {
  #endsAtMs: number | undefined;

  /** Reads the main server's answer. Returns whether it contains the deadline. */
  told({ ends_in_ms }: Pick<StreamInfo, 'ends_in_ms'>, nowMs: number): boolean {
    if (ends_in_ms === undefined) return false;
    this.#endsAtMs = nowMs + ends_in_ms;
    return true;
  }

  /** The stream is interrupted. Returns when it ends, as far as known. */
  endsAtMs(nowMs: number): number {
    return (this.#endsAtMs ??= nowMs + GRACE_MS);
  }

  /** The broadcaster is back. */
  over(): void {
    this.#endsAtMs = undefined;
  }
}
