// A session on a node, for as long as the link is unbroken: registers the take, sends its segments, processes the acks.
// It only records failures; the publisher decides what follows.

import { CallError, asCallError } from '../protocol/error';
import type { StreamId } from '../protocol/stream';
import type { ServerClock } from '../transport/clock';
import type { NodeConnection } from '../transport/connection';
import type { Outbox, Segment } from './outbox';

/** Limit of unacknowledged bytes. More would only wait in the browser, where it cannot be taken back. */
const MAX_IN_FLIGHT_BYTES = 1024 * 1024;

/** A segment of this size may itself break the connection, at a proxy or node with a size limit. */
const LARGE_BYTES = 64 * 1024;
/** The take is abandoned when the connection broke this often on the same large segment. */
const MAX_BREAKS = 2;

/** Exchanges per clock request: a single one may be far off. */
const CLOCK_ROUNDS = { first: 5, later: 1 };

/** Dependencies and callbacks of a session. */
export interface SessionSetup {
  streamId: StreamId;
  connection: NodeConnection;
  /** The node's clock. */
  clock: ServerClock;
  now: () => number;
  timing: { silentMs: number; clockMs: number };
  /** The newest grant. */
  grant: () => string;
  /** The current take. */
  outbox: () => Outbox | undefined;
  /** Whether the connection is still the one in use. */
  isInUse: () => boolean;
  /** The node accepted the registration: the stream is live. */
  registered: (viewers: number) => void;
  /** The node accepted another segment of this take. */
  accepted: (take: number) => void;
  /** Nodes cannot continue the take. */
  takeLost: (outbox: Outbox, why: CallError) => void;
  /** Wakes the publisher's loop. */
  ring: () => void;
}

/** One session on a node, over one connection. */
export class Session {
  readonly #setup: SessionSetup;
  /** The registered take. */
  outbox: Outbox | undefined;
  /** What went wrong since the publisher last looked. */
  problem: CallError | undefined;
  /** Whether it registered again, and no segment was accepted since. */
  registeredAgain = false;
  /** Whether it requested a fresh grant because this node refused the last one. */
  grantRenewed = false;
  /** Grows with each registration, so that acks for segments of an earlier one are ignored. */
  #registration = 0;
  /** When to request the node's clock again; 0 before the first time. */
  #nextClockMs = 0;
  #clockKnown = false;
  #inFlightBytes = 0;
  /** When the node last answered, or was first asked after a pause. */
  #progressAtMs = 0;

  constructor(setup: SessionSetup) {
    this.#setup = setup;
  }

  /** Whether segments have been in flight for too long without any answer. */
  get isSilent(): boolean {
    const { now, timing } = this.#setup;
    return this.#inFlightBytes > 0 && now() - this.#progressAtMs > timing.silentMs;
  }

  /** Registers the current take if needed, and sends its waiting segments. */
  async registerAndSend(): Promise<void> {
    const outbox = this.#setup.outbox();
    if (!outbox) return;
    try {
      if (this.outbox !== outbox) await this.#register(outbox);
    } catch (error) {
      this.problem = asCallError(error);
      // A lost link wakes the loop by itself.
      if (this.problem.code !== 'unreachable') this.#setup.ring();
      return;
    }
    while (this.#inFlightBytes < MAX_IN_FLIGHT_BYTES && this.#setup.outbox() === outbox) {
      const segment = outbox.next();
      if (!segment) break;
      void this.#send(outbox, segment);
    }
    if (outbox.broken) {
      this.#setup.takeLost(outbox, new CallError('timeout', 'the connection was too slow for too long'));
    }
  }

  /** Requests the node's clock now and then, and after this computer's own clock stood still or was set. */
  lookAtClock(): void {
    const { connection, clock, now, timing } = this.#setup;
    const nowMs = now();
    if (nowMs < this.#nextClockMs && !clock.isOutdated) return;
    const rounds = this.#nextClockMs === 0 ? CLOCK_ROUNDS.first : CLOCK_ROUNDS.later;
    this.#nextClockMs = nowMs + timing.clockMs;
    // One sample may be far off, so capture times are sent only once several samples were taken. If all requests fail,
    // segments carry none, and the state of the link tells the rest.
    clock
      .sync((t0_ms) => connection.call('clock', { t0_ms }), rounds)
      .then(
        () => (this.#clockKnown = true),
        () => undefined,
      );
  }

  async #register(outbox: Outbox): Promise<void> {
    const { streamId, connection, grant, now, isInUse, registered, takeLost } = this.#setup;
    const resume = outbox.resumePoint(now());
    this.#registration += 1;
    const { next_segment, viewers } = await connection.call('register_new_stream', {
      stream_id: streamId,
      grant: grant(),
      mime: outbox.mime,
      take: outbox.take,
      ...(resume === undefined ? {} : { resume }),
    });
    if (!isInUse()) return;
    if (!outbox.sendFrom(next_segment)) {
      takeLost(outbox, new CallError('segment_gap', `the node wants segment ${next_segment}, which is gone`));
      return;
    }
    this.outbox = outbox;
    this.grantRenewed = false;
    registered(viewers);
  }

  async #send(outbox: Outbox, segment: Segment): Promise<void> {
    const { connection, timing, accepted, ring } = this.#setup;
    const registration = this.#registration;
    const leaves = connection.link === 'up';
    this.#sent(segment);
    try {
      const { have, resume } = await connection.call(
        'broadcast_data',
        { ...this.#capturedAt(segment), ...this.#named(outbox, segment) },
        // Slow is not lost: the silence of all segments in flight decides.
        4 * timing.silentMs,
      );
      accepted(have.take);
      this.registeredAgain = false;
      if (have.take === outbox.take) outbox.accept(have.seq, resume);
    } catch (error) {
      const problem = asCallError(error);
      if (this.#setup.outbox() === outbox && this.#registration === registration) this.problem ??= problem;
      if (leaves && problem.code === 'unreachable') this.#brokeOn(outbox, segment);
    } finally {
      this.#answered(segment);
      ring();
    }
  }

  #named(
    { take }: Outbox,
    { seq, bytes }: Segment,
  ): { stream_id: StreamId; take: number; seq: number; segment: ArrayBuffer } {
    return { stream_id: this.#setup.streamId, take, seq, segment: bytes };
  }

  /** The capture time of a blob's newest frame does not apply to its earlier pieces. */
  #capturedAt({ isBlobEnd, capturedAtMs }: Segment): { captured_at_ms?: number } {
    const serverMs = this.#clockKnown && isBlobEnd ? this.#setup.clock.serverMs(capturedAtMs) : undefined;
    return serverMs === undefined ? {} : { captured_at_ms: Math.round(serverMs) };
  }

  /**
   * The connection broke while `segment` was in flight. A large segment is resent only once, because its size may be
   * the cause.
   */
  #brokeOn(outbox: Outbox, { seq, bytes }: Segment): void {
    if (bytes.byteLength < LARGE_BYTES || outbox.broke(seq) < MAX_BREAKS) return;
    const why = `the connection broke each time on the same segment of ${bytes.byteLength} bytes`;
    this.#setup.takeLost(outbox, new CallError('unreachable', why));
  }

  #sent(segment: Segment): void {
    if (this.#inFlightBytes === 0) this.#progressAtMs = this.#setup.now();
    this.#inFlightBytes += segment.bytes.byteLength;
  }

  #answered(segment: Segment): void {
    this.#inFlightBytes -= segment.bytes.byteLength;
    this.#progressAtMs = this.#setup.now();
  }
}
