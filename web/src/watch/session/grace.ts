// Until when the broadcaster of an interrupted stream may return. The main server tells it to viewers who come meanwhile; those
// who were there count from the moment they heard of it. Time comes in as a value.

import { GRACE_MS, type StreamInfo } from '../../protocol/stream';

/** See the head of the file. */
export class Grace {
  #endsAtMs: number | undefined;

  /** The main server told of the stream; true if that says when it ends. */
  told({ ends_in_ms }: Pick<StreamInfo, 'ends_in_ms'>, nowMs: number): boolean {
    if (ends_in_ms === undefined) return false;
    this.#endsAtMs = nowMs + ends_in_ms;
    return true;
  }

  /** The stream is interrupted: when it ends, as far as that is known. */
  endsAtMs(nowMs: number): number {
    return (this.#endsAtMs ??= nowMs + GRACE_MS);
  }

  /** The broadcaster is there. */
  over(): void {
    this.#endsAtMs = undefined;
  }
}
