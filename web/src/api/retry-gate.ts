// Keeps a page from asking again before the server wants to be asked. What an answer said with `Retry-After` holds for
// that call, for all parts of the page: until then it fails at once, as it failed before, and nothing is sent.

import { CallError } from '../protocol/error';
import { localNowMs } from '../transport/clock';

/** A server that asks for more does not know better than the person in front of the page. */
const LONGEST_MS = 300_000;

/** See the head of the file. */
export class RetryGate {
  readonly #now: () => number;
  readonly #shut = new Map<string, { untilMs: number; why: CallError }>();

  /** `now` is the page's clock unless a test brings its own. */
  constructor(now: () => number = localNowMs) {
    this.#now = now;
  }

  /**
   * Lets a call through whose time has come.
   *
   * @throws CallError the last failure of `call`, with the time that is left.
   */
  pass(call: string): void {
    const shut = this.#shut.get(call);
    if (shut === undefined) return;
    const retryAfterMs = shut.untilMs - this.#now();
    if (retryAfterMs > 0) throw new CallError(shut.why.code, shut.why.message, { cause: shut.why, retryAfterMs });
    this.#shut.delete(call);
  }

  /** `call` failed: it passes again when `why` says so. */
  failed(call: string, why: CallError): void {
    const { retryAfterMs } = why;
    if (retryAfterMs === undefined) return;
    this.#shut.set(call, { untilMs: this.#now() + Math.min(retryAfterMs, LONGEST_MS), why });
  }
}

/** The page's own. */
export const retryGate = new RetryGate();

/** What a `Retry-After` header asks for in milliseconds, as seconds or as a date (RFC 9110, section 10.2.3). */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - nowMs;
  return ms > 0 ? ms : undefined;
}
