// Brings one stream's segments to a node, and to the next one when that dies. No DOM, no recorder: takes and segments
// are pushed in, connections come from outside.
//
//   startTake, push ──► outbox ──► session on a node ──► acks ──► outbox (what a next node would need)
//                                   │ lost, silent
//                                   └──► ask the main server for nodes, else the standbys ──► session there
//
// On a node that still knows the take, sending goes on after what it has. Another node is handed the state the last one
// gave. Where neither works (too much was missed, the media did not parse), `needTake` asks for a recorder restart.

import { CallError } from '../protocol/error';
import type { Assignment, AskForNodes, NodeAddress, StreamId } from '../protocol/stream';
import { ServerClock, localNowMs } from '../transport/clock';
import type { Connect, NodeConnection } from '../transport/connection';
import { Outbox, OUTBOX_LIMITS, type OutboxLimits, type Segment } from './outbox';
import { Session } from './session';
import { Takes } from './takes';
import { Wake } from '../transport/wake';

/** How publishing is going. */
export interface PublisherState {
  /**
   * `connecting`: not yet on the air. `reconnecting`: was, and will be again. `paused`: there is nothing to send, and the
   * node was left. `ended`, `failed`: over.
   */
  phase: 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended' | 'failed';
  /** Why it is not live. */
  problem: CallError | undefined;
  /** On the node in use. */
  viewers: number;
  /** How long the oldest segment has waited to be sent: the uplink is too slow when this grows. */
  behindMs: number;
}

/** What a publisher works with. */
export interface PublisherSetup {
  streamId: StreamId;
  /** Grant and nodes, as the main server gave them. */
  assignment: Assignment;
  connect: Connect;
  /** Asks the main server for nodes again, and for a fresh grant. */
  askForNodes(grant: string, ask: AskForNodes): Promise<Assignment>;
  onState(state: PublisherState): void;
  /** A fresh grant, and the nodes to use it at: what a reload of the page needs. */
  onAssignment(assignment: Assignment): void;
  /** The recorder has to be started anew, and {@link Publisher.startTake} called: nodes cannot continue the take. */
  needTake(why: CallError): void;
  /** The page's clock unless a test brings its own. */
  now?: () => number;
  timing?: Partial<PublisherTiming>;
  limits?: OutboxLimits;
}

/** How long a publisher waits for what. */
export interface PublisherTiming {
  /** For the first connection to a node. */
  connectMs: number;
  /** For a lost connection to come back before another node is asked: short, as going on elsewhere costs and loses nothing. */
  sameNodeMs: number;
  /** With segments on their way and no ack. */
  silentMs: number;
  /** Longest pause after all nodes failed; the first is a twentieth. */
  retryMs: number;
  /** Between looks at the node's clock. */
  clockMs: number;
  /** Between renewals of the grant, which lasts for a day. */
  renewMs: number;
  /** The same after one that failed. */
  renewAgainMs: number;
}

const TIMING: PublisherTiming = {
  connectMs: 4_000,
  sameNodeMs: 250,
  silentMs: 5_000,
  retryMs: 4_000,
  clockMs: 10_000,
  renewMs: 60 * 60_000,
  renewAgainMs: 60_000,
};

/** Bytes on their way without an ack. More would only wait in the browser, where it cannot be taken back. */
const MAX_IN_FLIGHT_BYTES = 1024 * 1024;

/** A segment of so many bytes may itself be why a connection breaks: at a proxy, or a node, that takes no more. */
const LARGE_BYTES = 64 * 1024;
/** The take is given up when the connection broke so often on the same large segment. */
const MAX_BREAKS = 2;

/** Being on a node for longer than this means that it works. */
const SERVED_WELL_MS = 5_000;

/** A paused publisher sleeps until it is woken; this is only a bound. */
const PAUSE_LOOK_MS = 60_000;

/** Errors after which the node will not take this stream from us again. */
const FATAL = new Set(['unknown_stream', 'invalid_grant', 'already_publishing', 'unsupported_mime']);
/** Errors that a new take cures. */
const TAKE_IS_LOST = new Set(['malformed_media', 'invalid_resume', 'stale_take', 'payload_too_large']);
/** Errors that registering again cures. */
const REGISTER_AGAIN = new Set(['segment_gap', 'not_registered']);

/** What ended a session on a node. */
type SessionEnd = 'link_down' | 'silent' | 'refused';

/** Publishes one stream until closed, ended or refused. */
export class Publisher {
  readonly #setup: PublisherSetup;
  readonly #timing: PublisherTiming;
  readonly #now: () => number;
  readonly #clock: ServerClock;
  readonly #wake = new Wake();
  #assignment: Assignment;
  #outbox: Outbox | undefined;
  #connection: NodeConnection | undefined;
  readonly #takes = new Takes();
  #renewAtMs: number;
  #paused = false;
  #closed = false;
  #state: PublisherState = { phase: 'connecting', problem: undefined, viewers: 0, behindMs: 0 };

  constructor(setup: PublisherSetup) {
    this.#setup = setup;
    this.#timing = { ...TIMING, ...setup.timing };
    this.#now = setup.now ?? localNowMs;
    this.#clock = new ServerClock(this.#now);
    this.#assignment = setup.assignment;
    this.#renewAtMs = this.#now() + this.#timing.renewMs;
    this.#run().catch((error: unknown) => this.#finish('failed', asCallError(error)));
  }

  get state(): PublisherState {
    return this.#state;
  }

  /** The newest grant. */
  get grant(): string {
    return this.#assignment.grant;
  }

  /** Begins a take, `take` being higher than every one before. What was not yet sent of the last one is dropped. */
  startTake(take: number, mime: string): void {
    this.#outbox = new Outbox(take, mime, this.#setup.limits ?? OUTBOX_LIMITS);
    this.#takes.begin();
    if (this.#paused) this.#show({ phase: 'reconnecting' });
    this.#paused = false;
    this.#wake.ring();
  }

  /**
   * Leaves the node until the next take begins, and drops what was not yet sent. To the node the broadcaster has gone
   * missing: viewers read `interrupted` at once, and the stream ends after the grace period.
   */
  pause(): void {
    this.#outbox = undefined;
    this.#paused = true;
    this.#show({ phase: 'paused', problem: undefined, behindMs: 0 });
    this.#connection?.close();
    this.#connection = undefined;
    this.#wake.ring();
  }

  /** Adds the current take's next segment. `capturedAtMs`: our clock when its newest frame was captured. */
  push(segment: ArrayBuffer, capturedAtMs: number): void {
    this.#outbox?.push(segment, capturedAtMs);
    this.#wake.ring();
  }

  /**
   * Ends the stream for good.
   *
   * @throws CallError when the node cannot be told; the main server can.
   */
  async end(): Promise<void> {
    try {
      const connection = this.#connection;
      if (!connection) throw new CallError('unreachable', 'no node is connected');
      await connection.call('end_stream', { stream_id: this.#setup.streamId });
    } finally {
      this.#finish('ended', undefined);
    }
  }

  /** Stops sending and lets go of the node. The stream itself is not ended. */
  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#wake.ring();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed) {
      if (this.#isPaused()) {
        await this.#wake.wait(PAUSE_LOOK_MS);
        continue;
      }
      const startedAtMs = this.#now();
      const node = this.#assignment.nodes[0];
      const left = node !== undefined && (await this.#publishOn(node));
      if (this.#isClosed()) return;
      if (left) continue;
      await this.#reassign(node);
      // A node that served for a while was no failure, and its successor is wanted at once.
      failures = this.#now() - startedAtMs > SERVED_WELL_MS ? 0 : failures + 1;
      if (failures > 0) await this.#backOff(failures);
    }
  }

  /** Publishes on one node until it is lost. True if it was left instead, by {@link pause}. */
  async #publishOn(node: NodeAddress): Promise<boolean> {
    const connection = this.#setup.connect(node.public_url);
    this.#connection = connection;
    const forget = [
      connection.onLink(() => this.#wake.ring()),
      connection.on('stream_state', ({ stream_id, state, viewers }) => {
        if (stream_id !== this.#setup.streamId) return;
        if (state === 'ended') this.#finish('ended', undefined);
        else this.#show({ viewers });
      }),
    ];
    this.#clock.reset();
    try {
      for (let waitMs = this.#timing.connectMs; await this.#linkUp(connection, waitMs);) {
        if ((await this.#session(new Session(connection))) !== 'link_down') break;
        waitMs = this.#timing.sameNodeMs;
      }
    } finally {
      forget.forEach((stop) => stop());
      connection.close();
    }
    const left = !this.#isOn(connection);
    if (!left) this.#connection = undefined;
    return left;
  }

  async #linkUp(connection: NodeConnection, timeoutMs: number): Promise<boolean> {
    const deadline = this.#now() + timeoutMs;
    while (connection.link !== 'up' && this.#isOn(connection)) {
      const left = deadline - this.#now();
      // A node that died refuses at once: every moment spent on it is one that viewers wait.
      if (left <= 0 || connection.link === 'unreachable') {
        this.#lost(new CallError('unreachable', 'the server that carries your stream cannot be reached'));
        return false;
      }
      if (this.#state.phase === 'live') this.#lost(new CallError('unreachable', 'the connection was lost'));
      await this.#wake.wait(left);
    }
    return this.#isOn(connection);
  }

  /** Registers and sends while the link holds. */
  async #session(session: Session): Promise<SessionEnd> {
    while (!this.#closed) {
      if (session.connection.link !== 'up' || !this.#isOn(session.connection)) return 'link_down';
      const { problem } = session;
      session.problem = undefined;
      if (problem?.code === 'invalid_grant' && !session.grantRenewed) {
        if (!(await this.#replaceGrant(session))) return 'refused';
      } else if (problem && !this.#recover(session, problem)) return 'refused';
      if (session.silentFor(this.#now()) > this.#timing.silentMs) {
        this.#lost(new CallError('timeout', 'the server that carries your stream does not answer'));
        return 'silent';
      }
      this.#lookAtClock(session);
      this.#renewGrantWhenDue();
      await this.#registerAndSend(session);
      await this.#wake.wait(1_000);
    }
    return 'refused';
  }

  async #registerAndSend(session: Session): Promise<void> {
    const outbox = this.#outbox;
    if (!outbox) return;
    try {
      if (session.outbox !== outbox) await this.#register(session, outbox);
    } catch (error) {
      const problem = asCallError(error);
      session.problem = problem;
      // A lost link rings by itself.
      if (problem.code !== 'unreachable') this.#wake.ring();
      return;
    }
    while (session.inFlightBytes < MAX_IN_FLIGHT_BYTES && this.#outbox === outbox) {
      const segment = outbox.next();
      if (!segment) break;
      void this.#send(session, outbox, segment);
    }
    if (outbox.broken) this.#abandonTake(outbox, new CallError('timeout', 'the connection was too slow for too long'));
    const behindMs = outbox.waitingMs(this.#now());
    if (behindMs !== this.#state.behindMs) this.#show({ behindMs });
  }

  async #register(session: Session, outbox: Outbox): Promise<void> {
    const resume = outbox.resumePoint(this.#now());
    session.registration += 1;
    const { next_segment, viewers } = await session.connection.call('register_new_stream', {
      stream_id: this.#setup.streamId,
      grant: this.#assignment.grant,
      mime: outbox.mime,
      take: outbox.take,
      ...(resume === undefined ? {} : { resume }),
    });
    if (!this.#isOn(session.connection)) return;
    if (!outbox.sendFrom(next_segment)) {
      this.#abandonTake(outbox, new CallError('segment_gap', `the node wants segment ${next_segment}, which is gone`));
      return;
    }
    session.outbox = outbox;
    session.grantRenewed = false;
    this.#show({ phase: 'live', problem: undefined, viewers });
  }

  async #send(session: Session, outbox: Outbox, segment: Segment): Promise<void> {
    // The clock of a blob's newest frame says nothing about its earlier pieces.
    const timed = session.clockKnown && segment.isBlobEnd;
    const capturedAtMs = timed ? this.#clock.serverMs(segment.capturedAtMs) : undefined;
    const { registration } = session;
    const leaves = session.connection.link === 'up';
    session.sent(segment, this.#now());
    try {
      const { have, resume } = await session.connection.call(
        'broadcast_data',
        {
          stream_id: this.#setup.streamId,
          take: outbox.take,
          seq: segment.seq,
          segment: segment.bytes,
          ...(capturedAtMs === undefined ? {} : { captured_at_ms: Math.round(capturedAtMs) }),
        },
        // Slow is not lost: silence is judged over all segments on their way.
        4 * this.#timing.silentMs,
      );
      if (have.take === this.#outbox?.take) this.#takes.accepted(this.#now());
      session.registeredAgain = false;
      if (have.take === outbox.take) outbox.accept(have.seq, resume);
    } catch (error) {
      const problem = asCallError(error);
      if (this.#outbox === outbox && session.registration === registration) session.problem ??= problem;
      if (leaves && problem.code === 'unreachable') this.#brokeOn(outbox, segment);
    } finally {
      session.answered(segment, this.#now());
      this.#wake.ring();
    }
  }

  /** The connection broke while `segment` was on its way: what is large is sent again once, as its size may be why. */
  #brokeOn(outbox: Outbox, { seq, bytes }: Segment): void {
    if (bytes.byteLength < LARGE_BYTES || outbox.broke(seq) < MAX_BREAKS) return;
    const why = `the connection broke each time on the same segment of ${bytes.byteLength} bytes`;
    this.#abandonTake(outbox, new CallError('unreachable', why));
  }

  /** Whether the session can go on after `problem`; does what is needed for it. */
  #recover(session: Session, problem: CallError): boolean {
    if (FATAL.has(problem.code)) {
      this.#finish(problem.code === 'unknown_stream' ? 'ended' : 'failed', problem);
      return false;
    }
    const outbox = session.outbox ?? this.#outbox;
    session.outbox = undefined;
    if (TAKE_IS_LOST.has(problem.code) && outbox) {
      this.#abandonTake(outbox, problem);
      return !this.#closed;
    }
    if (REGISTER_AGAIN.has(problem.code) && !session.registeredAgain) {
      session.registeredAgain = true;
      return true;
    }
    // The link's own end is noticed by its state, after which it may come back.
    if (problem.code === 'unreachable') return true;
    this.#lost(problem);
    return false;
  }

  #abandonTake(outbox: Outbox, why: CallError): void {
    if (this.#outbox !== outbox) return;
    this.#outbox = undefined;
    if (this.#takes.lost(why)) this.#setup.needTake(why);
    else this.#finish('failed', why);
  }

  #lookAtClock(session: Session): void {
    const nowMs = this.#now();
    if (nowMs < session.nextClockMs && !this.#clock.isOutdated) return;
    const rounds = session.nextClockMs === 0 ? 5 : 1;
    session.nextClockMs = nowMs + this.#timing.clockMs;
    const ask = (t0_ms: number) => session.connection.call('clock', { t0_ms });
    // One sample can be far off, so capture times are told only once several agree on the best. Without any answer
    // segments carry none, and the link's state says the rest.
    this.#clock.sync(ask, rounds).then(
      () => (session.clockKnown = true),
      () => undefined,
    );
  }

  /** Renews the grant long before it expires, without disturbing the session. */
  #renewGrantWhenDue(): void {
    const nowMs = this.#now();
    if (nowMs < this.#renewAtMs) return;
    this.#renewAtMs = nowMs + this.#timing.renewAgainMs;
    // A failure is no problem yet: the grant has hours left, and a node that refuses it leads to another try.
    this.#renewGrant().catch(() => undefined);
  }

  /** Whether the session can register again, with a fresh grant in place of the one that its node refused. */
  async #replaceGrant(session: Session): Promise<boolean> {
    session.grantRenewed = true;
    session.outbox = undefined;
    try {
      await this.#renewGrant();
      return true;
    } catch (error) {
      this.#askedInVain(asCallError(error));
      return false;
    }
  }

  /** Gets a fresh grant and new standbys. The node in use stays the first. */
  async #renewGrant(): Promise<void> {
    const { grant, nodes } = await this.#setup.askForNodes(this.#assignment.grant, {});
    const [inUse] = this.#assignment.nodes;
    const standbys = nodes.filter(({ public_url }) => public_url !== inUse?.public_url);
    this.#assign({ grant, nodes: inUse ? [inUse, ...standbys] : nodes });
  }

  #assign(assignment: Assignment): void {
    this.#assignment = assignment;
    this.#renewAtMs = this.#now() + this.#timing.renewMs;
    if (!this.#closed) this.#setup.onAssignment(assignment);
  }

  /** The main server gave neither nodes nor a grant: the stream is over, or it is asked again later. */
  #askedInVain(problem: CallError): void {
    if (problem.code === 'unknown_stream') this.#finish('ended', problem);
    else if (problem.code === 'invalid_grant') this.#finish('failed', problem);
    else this.#lost(problem);
  }

  /** Finds nodes to go on with after `lost`: from the main server, else the standbys already known. */
  async #reassign(lost: NodeAddress | undefined): Promise<void> {
    const avoid = lost ? [lost.public_url] : [];
    try {
      this.#assign(await this.#setup.askForNodes(this.#assignment.grant, { avoid }));
    } catch (error) {
      this.#askedInVain(asCallError(error));
      const [first, ...standbys] = this.#assignment.nodes;
      if (first) this.#assignment = { ...this.#assignment, nodes: [...standbys, first] };
    }
  }

  async #backOff(failures: number): Promise<void> {
    const longest = this.#timing.retryMs;
    const pauseMs = Math.min(longest, (longest / 20) * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    const until = this.#now() + pauseMs;
    // Segments keep ringing while nobody can take them.
    for (let left = pauseMs; left > 0 && !this.#isClosed(); left = until - this.#now()) await this.#wake.wait(left);
  }

  #lost(problem: CallError): void {
    if (!this.#paused)
      this.#show({ phase: this.#state.phase === 'connecting' ? 'connecting' : 'reconnecting', problem });
  }

  #finish(phase: 'ended' | 'failed', problem: CallError | undefined): void {
    if (this.#closed) return;
    this.#show({ phase, problem });
    this.close();
  }

  #show(change: Partial<PublisherState>): void {
    if (this.#closed) return;
    this.#state = { ...this.#state, ...change };
    this.#setup.onState(this.#state);
  }

  /** The same as `#closed`, for after an await, across which the compiler believes it unchanged. */
  #isClosed(): boolean {
    return this.#closed;
  }

  /** The same for `#paused`. */
  #isPaused(): boolean {
    return this.#paused;
  }

  /** Whether `connection` is the one in use: not closed, not left. */
  #isOn(connection: NodeConnection): boolean {
    return !this.#closed && this.#connection === connection;
  }
}

function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  return new CallError('bad_answer', error instanceof Error ? error.message : 'the call failed', { cause: error });
}
