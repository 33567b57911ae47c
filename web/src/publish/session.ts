// What a publisher knows about one stretch of an unbroken link to a node: which take is registered there, what is on
// its way, and when the node last gave a sign of life.

import type { CallError } from '../protocol/error';
import type { NodeConnection } from '../transport/connection';
import type { Outbox, Segment } from './outbox';

/** What is known about one stretch of an unbroken link. */
export class Session {
  readonly connection: NodeConnection;
  /** The take that is registered. */
  outbox: Outbox | undefined;
  problem: CallError | undefined;
  /** Grows with each registration: what a node says of segments sent before the last one is old news. */
  registration = 0;
  /** Whether registering again was tried, and no segment got through since. */
  registeredAgain = false;
  /** Whether a fresh grant was asked for because this node refused the last one. */
  grantRenewed = false;
  /** When to look at the node's clock again. */
  nextClockMs = 0;
  clockKnown = false;
  inFlightBytes = 0;
  /** When the node last answered, or was first asked after a pause. */
  #progressAtMs = 0;

  constructor(connection: NodeConnection) {
    this.connection = connection;
  }

  sent(segment: Segment, nowMs: number): void {
    if (this.inFlightBytes === 0) this.#progressAtMs = nowMs;
    this.inFlightBytes += segment.bytes.byteLength;
  }

  answered(segment: Segment, nowMs: number): void {
    this.inFlightBytes -= segment.bytes.byteLength;
    this.#progressAtMs = nowMs;
  }

  /** How long segments have been on their way without any answer. */
  silentFor(nowMs: number): number {
    return this.inFlightBytes === 0 ? 0 : nowMs - this.#progressAtMs;
  }
}
