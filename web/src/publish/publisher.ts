// Brings one stream's segments to a node, and to the next one when that dies. No DOM, no recorder: takes and segments
// are pushed in, connections come from outside.
//
//   startTake, push ──► outbox ──► session on a node ──► acks ──► outbox (what a next node would need)
//                                   │ lost, silent
//                                   └──► ask the main server for nodes, else the standbys ──► session there
//
// On a node that still knows the take, sending goes on after what it has. Another node is handed the state the last one
// gave. Where neither works (too much was missed, the media did not parse), `needTake` asks for a recorder restart.

import { CallError, asCallError } from '../protocol/error';
import type { NodeAddress } from '../protocol/stream';
import { ServerClock, localNowMs } from '../transport/clock';
import type { NodeConnection } from '../transport/connection';
import { Wake } from '../transport/wake';
import { AssignedNodes } from './assigned-nodes';
import { Outbox, OUTBOX_LIMITS } from './outbox';
import { TIMING, type PublisherSetup, type PublisherState, type PublisherTiming } from './publisher-setup';
import { remedyFor } from './remedy';
import { Session } from './session';
import { Takes } from './takes';

/** A session on a node that lasted longer than this counts as a success. */
const SERVED_WELL_MS = 5_000;

/** A paused publisher sleeps until it is woken; this is only an upper limit. */
const PAUSE_LOOK_MS = 60_000;

/** Why a session on a node ended. */
type SessionEnd = 'link_down' | 'silent' | 'refused';

/** Publishes one stream until closed, ended or refused. */
export class Publisher {
  readonly #setup: PublisherSetup;
  readonly #timing: PublisherTiming;
  readonly #now: () => number;
  readonly #clock: ServerClock;
  readonly #wake = new Wake();
  readonly #nodes: AssignedNodes;
  #outbox: Outbox | undefined;
  #connection: NodeConnection | undefined;
  readonly #takes = new Takes();
  #paused = false;
  #closed = false;
  #state: PublisherState = { phase: 'connecting', problem: undefined, viewers: 0, behindMs: 0 };

  constructor(setup: PublisherSetup) {
    this.#setup = setup;
    this.#timing = { ...TIMING, ...setup.timing };
    this.#now = setup.now ?? localNowMs;
    this.#clock = new ServerClock(this.#now);
    this.#nodes = new AssignedNodes({
      assignment: setup.assignment,
      askForNodes: (grant, ask) => setup.askForNodes(grant, ask),
      onAssignment: (assignment) => {
        if (!this.#closed) setup.onAssignment(assignment);
      },
      onRenewed: (grant) => this.#showGrant(grant),
      now: this.#now,
      timing: this.#timing,
    });
    this.#run().catch((error: unknown) => this.#finish('failed', asCallError(error)));
  }

  get state(): PublisherState {
    return this.#state;
  }

  /** The newest grant. */
  get grant(): string {
    return this.#nodes.grant;
  }

  /** Gets a fresh grant at once: what the main server says in it about the stream has changed. */
  renewGrant(): void {
    // A failure does not matter: the grant is renewed from time to time, and before another node is used.
    this.#nodes.renew().catch(() => undefined);
  }

  /** Begins a take; `take` must be higher than every one before. Unsent segments of the last take are dropped. */
  startTake(take: number, mime: string): void {
    this.#outbox = new Outbox(take, mime, this.#setup.limits ?? OUTBOX_LIMITS);
    this.#takes.begin();
    if (this.#paused) this.#show({ phase: 'reconnecting' });
    this.#paused = false;
    this.#wake.ring();
  }

  /**
   * Leaves the node until the next take begins, and drops unsent segments. The node treats the broadcaster as missing:
   * viewers see `interrupted` at once, and the stream ends after the grace period.
   */
  pause(): void {
    this.#outbox = undefined;
    this.#paused = true;
    this.#show({ phase: 'paused', problem: undefined, behindMs: 0 });
    this.#connection?.close();
    this.#connection = undefined;
    this.#wake.ring();
  }

  /** Adds the current take's next segment. `capturedAtMs` is the local capture time of its newest frame. */
  push(segment: ArrayBuffer, capturedAtMs: number): void {
    this.#outbox?.push(segment, capturedAtMs);
    this.#wake.ring();
  }

  /**
   * Ends the stream permanently.
   *
   * @throws CallError when the node cannot be told; the main server still can.
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

  /** Stops sending and closes the connection. The stream itself does not end. */
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
      const node = this.#nodes.first;
      const left = node !== undefined && (await this.#publishOn(node));
      if (this.#isClosed()) return;
      if (left) continue;
      await this.#reassign(node);
      // Losing a node after a successful session is no failure: its successor is needed at once.
      failures = this.#now() - startedAtMs > SERVED_WELL_MS ? 0 : failures + 1;
      if (failures > 0) await this.#backOff(failures);
    }
  }

  /** Publishes on one node until it is lost. Returns true if {@link pause} left it instead. */
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
      connection.on('renew_grant', ({ stream_id }) => {
        if (stream_id === this.#setup.streamId) this.#nodes.renewSoon();
      }),
    ];
    this.#clock.reset();
    try {
      for (let waitMs = this.#timing.connectMs; await this.#linkUp(connection, waitMs);) {
        if ((await this.#stay(connection, this.#newSession(connection))) !== 'link_down') break;
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
      // A dead node refuses at once. Waiting for it would only delay viewers.
      if (left <= 0 || connection.link === 'unreachable') {
        this.#lost(new CallError('unreachable', 'the server that carries your stream cannot be reached'));
        return false;
      }
      if (this.#state.phase === 'live') this.#lost(new CallError('unreachable', 'the connection was lost'));
      await this.#wake.wait(left);
    }
    return this.#isOn(connection);
  }

  #newSession(connection: NodeConnection): Session {
    return new Session({
      streamId: this.#setup.streamId,
      connection,
      clock: this.#clock,
      now: this.#now,
      timing: this.#timing,
      grant: () => this.grant,
      outbox: () => this.#outbox,
      isInUse: () => this.#isOn(connection),
      registered: (viewers) => this.#show({ phase: 'live', problem: undefined, viewers }),
      accepted: (take) => {
        if (take === this.#outbox?.take) this.#takes.accepted(this.#now());
      },
      takeLost: (outbox, why) => this.#abandonTake(outbox, why),
      ring: () => this.#wake.ring(),
    });
  }

  /** Registers and sends while the link holds. */
  async #stay(connection: NodeConnection, session: Session): Promise<SessionEnd> {
    while (!this.#closed) {
      if (connection.link !== 'up' || !this.#isOn(connection)) return 'link_down';
      const { problem } = session;
      session.problem = undefined;
      if (problem?.code === 'invalid_grant' && !session.grantRenewed) {
        if (!(await this.#replaceGrant(session))) return 'refused';
      } else if (problem && !this.#recover(session, problem)) return 'refused';
      if (session.isSilent) {
        this.#lost(new CallError('timeout', 'the server that carries your stream does not answer'));
        return 'silent';
      }
      session.lookAtClock();
      this.#nodes.renewWhenDue();
      await session.registerAndSend();
      if (session.outbox !== undefined) this.#showBehind();
      await this.#wake.wait(1_000);
    }
    return 'refused';
  }

  /** Sends the node a fresh grant. Nodes that do not know this event refuse it, which has no effect. */
  #showGrant(grant: string): void {
    this.#connection?.call('renew', { stream_id: this.#setup.streamId, grant }).catch(() => undefined);
  }

  #showBehind(): void {
    const behindMs = this.#outbox?.waitingMs(this.#now());
    if (behindMs !== undefined && behindMs !== this.#state.behindMs) this.#show({ behindMs });
  }

  /** Takes the remedy for `problem`. Returns whether the session can continue. */
  #recover(session: Session, problem: CallError): boolean {
    const remedy = remedyFor(problem.code);
    if (remedy === 'give_up') {
      this.#finish(problem.code === 'unknown_stream' ? 'ended' : 'failed', problem);
      return false;
    }
    const outbox = session.outbox ?? this.#outbox;
    session.outbox = undefined;
    if (remedy === 'new_take' && outbox) {
      this.#abandonTake(outbox, problem);
      return !this.#closed;
    }
    if (remedy === 'register_again' && !session.registeredAgain) {
      session.registeredAgain = true;
      return true;
    }
    if (remedy === 'wait') return true;
    this.#lost(problem);
    return false;
  }

  #abandonTake(outbox: Outbox, why: CallError): void {
    if (this.#outbox !== outbox) return;
    this.#outbox = undefined;
    if (this.#takes.lost(why)) this.#setup.needTake(why);
    else this.#finish('failed', why);
  }

  /** Gets a fresh grant after the node refused the last one. Returns whether the session can register again. */
  async #replaceGrant(session: Session): Promise<boolean> {
    session.grantRenewed = true;
    session.outbox = undefined;
    try {
      await this.#nodes.renew();
      return true;
    } catch (error) {
      this.#askedInVain(asCallError(error));
      return false;
    }
  }

  /** The main server gave neither nodes nor a grant: the stream has ended, or the publisher asks again later. */
  #askedInVain(problem: CallError): void {
    if (problem.code === 'unknown_stream') this.#finish('ended', problem);
    else if (problem.code === 'invalid_grant') this.#finish('failed', problem);
    else this.#lost(problem);
  }

  /** Finds nodes to continue on after `lost`: from the main server, else the known standbys. */
  async #reassign(lost: NodeAddress | undefined): Promise<void> {
    try {
      await this.#nodes.replace(lost);
    } catch (error) {
      this.#askedInVain(asCallError(error));
    }
  }

  async #backOff(failures: number): Promise<void> {
    const longest = this.#timing.retryMs;
    const pauseMs = Math.min(longest, (longest / 20) * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    const until = this.#now() + pauseMs;
    // New segments keep waking the loop, although no node can accept them.
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

  /** `#closed`, read through a method, because the compiler assumes that it does not change during an await. */
  #isClosed(): boolean {
    return this.#closed;
  }

  /** `#paused`, read through a method for the same reason. */
  #isPaused(): boolean {
    return this.#paused;
  }

  /** Whether `connection` is still in use. */
  #isOn(connection: NodeConnection): boolean {
    return !this.#closed && this.#connection === connection;
  }
}
