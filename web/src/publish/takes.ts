// When starting the recorder anew is pointless: take after take broke before it had given anything worth watching.

import type { CallError } from '../protocol/error';

/** How many takes may be started in a row after one that was lost in vain. */
const MAX_IN_VAIN = 3;
/** A take whose media breaks was worth it after so long: a recorder's first segments are accepted even if nothing can be made of them. */
const WORTH_MS = 5_000;
/** Errors in the recording itself, which the next recording is likely to have again. */
const MEDIA_ERRORS = new Set(['malformed_media', 'payload_too_large']);

/** Counts the takes that were lost in vain. */
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

  /** The take is lost. Whether another one should be tried. */
  lost(why: CallError): boolean {
    const carriedMs = this.#firstAcceptedMs === undefined ? -1 : this.#lastAcceptedMs - this.#firstAcceptedMs;
    if (carriedMs >= (MEDIA_ERRORS.has(why.code) ? WORTH_MS : 0)) this.#inVain = 0;
    this.#inVain += 1;
    return this.#inVain <= MAX_IN_VAIN;
  }
}
