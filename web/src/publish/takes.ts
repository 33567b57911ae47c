// Decides when restarting the recorder is pointless: take after take broke before it was worth watching.

import type { CallError } from '../protocol/error';

/** How many takes in a row may be lost early and be followed by another. */
const MAX_IN_VAIN = 3;
/**
 * A take that lasted this long was worth watching. A recorder's first segments are accepted even if they cannot be
 * decoded.
 */
const WORTH_MS = 5_000;
/** Errors in the recording itself, which the next recording probably repeats. */
const MEDIA_ERRORS = new Set(['malformed_media', 'payload_too_large']);

/** Counts the takes that were lost early. */
export class Takes {
  #inVain = 0;
  #firstAcceptedMs: number | undefined;
  #lastAcceptedMs = 0;

  /** A take begins. */
  begin(): void {
    this.#firstAcceptedMs = undefined;
  }

  /** A node accepted a segment of the take. */
  accepted(nowMs: number): void {
    this.#firstAcceptedMs ??= nowMs;
    this.#lastAcceptedMs = nowMs;
  }

  /** Records the loss of a take. Returns whether to try another one. */
  lost(why: CallError): boolean {
    const carriedMs = this.#firstAcceptedMs === undefined ? -1 : this.#lastAcceptedMs - this.#firstAcceptedMs;
    if (carriedMs >= (MEDIA_ERRORS.has(why.code) ? WORTH_MS : 0)) this.#inVain = 0;
    this.#inVain += 1;
    return this.#inVain <= MAX_IN_VAIN;
  }
}
