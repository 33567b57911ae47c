// Keeps a page from repeating a call before the server allows it. A `Retry-After` in an answer holds for that call in
// the whole page: until then the call fails at once with the same error, and nothing is sent.

import { CallError } from '../protocol/error';
import { localNowMs } from '../transport/clock';

/** Longest pause that a server can ask for, so that a wrong header does not block the person. */
const LONGEST_MS = 300_000;

/** Remembers until when each call is held back. */
export class RetryGate {
  readonly #now: () => number;
  readonly #shut = new Map<string, { untilMs: number; why: CallError }>();

  /** `now` is the page's clock unless a test passes its own. */
  constructor(now: () => number = localNowMs) {
    this.#now = now;
  }

  /**
   * Lets a call through if its time has come.
   *
   * @throws CallError the last failure of `call`, with the remaining time.
   */
  pass(call: string): void {
    const shut = this.#shut.get(call);
    if (shut === undefined) return;
    const retryAfterMs = shut.untilMs - this.#now();
    if (retryAfterMs > 0) throw new CallError(shut.why.code, shut.why.message, { cause: shut.why, retryAfterMs });
    this.#shut.delete(call);
  }

  /** Records that `call` failed: it is held back for as long as `why` says. */
  failed(call: string, why: CallError): void {
    const { retryAfterMs } = why;
    if (retryAfterMs === undefined) return;
    this.#shut.set(call, { untilMs: this.#now() + Math.min(retryAfterMs, LONGEST_MS), why });
  }
}

/** The gate of this page. */
export const retryGate = new RetryGate();

/** Milliseconds that a `Retry-After` header asks for, given in seconds or as a date (RFC 9110, section 10.2.3). */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - nowMs;
  return ms > 0 ? ms : undefined;
}
