// Stays on a node that carries one stream, whatever dies meanwhile. No DOM, no player: connections come from outside,
// media goes out in order and without repeats.
//
//   ask the main server ──► nodes ──► connect, watch_stream { after: last chunk } ──► init, chunks, states
//        ▲                                │ link down: back on the same node, for a moment
//        └────────── avoid it ◄───────────┘ lost, silent, refused
//
// A silent link is probed with a `clock` call: a still screen is silent too, so silence alone proves nothing. A stream
// that moves is watched at its new node before the old one is left.

import { CallError } from '../protocol/error';
import type { ChunkName, StreamingData, StreamMoved, StreamStateChanged } from '../protocol/event';
import type { Assignment, AskForNodes, NodeAddress, StreamId, StreamInfo, StreamState } from '../protocol/stream';
import { localNowMs, type ServerClock } from '../transport/clock';
import type { Connect, NodeConnection } from '../transport/connection';
import { Wake } from '../transport/wake';
import { compareChunks, nameOf } from './chunk-name';

/** How watching is going. The last three are final. */
export type WatchPhase =
  /** Looking for a node. */
  | 'connecting'
  /** On a node; the broadcaster has not sent anything yet. */
  | 'waiting'
  | 'live'
  /** The broadcaster went missing and may come back. */
  | 'interrupted'
  /** The node was lost; the next one will go on where it stopped. */
  | 'reconnecting'
  /** No node can take a viewer now; asked again and again. */
  | 'busy'
  /** A passphrase is needed, or was wrong. */
  | 'locked'
  | 'not_found'
  | 'ended';

/** How watching is going, in detail. */
export interface WatchState {
  phase: WatchPhase;
  /** On the node in use; undefined before it told. */
  viewers: number | undefined;
  /** Public URL of the node in use. */
  node: string | undefined;
  /** What went wrong last. */
  problem: CallError | undefined;
}

/** What a session works with. */
export interface WatchSetup {
  streamId: StreamId;
  connect: Connect;
  /** The node's clock, kept up to date. */
  clock: ServerClock;
  /** Asks the main server where to watch. */
  askForNodes(ask: AskForNodes): Promise<Assignment>;
  /** Asks the main server about the stream. */
  describe(): Promise<StreamInfo>;
  /** For a private stream that has one. */
  passphrase?: string;
  onState(state: WatchState): void;
  /** The next init segment or chunk; init segments may repeat. */
  onData(data: StreamingData): void;
  /** What comes next waited at the node. */
  onBacklog(): void;
  now?: () => number;
  timing?: Partial<WatchTiming>;
}

/** How long a session waits for what. */
export interface WatchTiming {
  /** For the first connection to a node. */
  connectMs: number;
  /** For a lost connection to come back before another node is asked. */
  sameNodeMs: number;
  /** Without a word from the node before it is probed. */
  silentMs: number;
  /** For the answer to a probe. */
  probeMs: number;
  /** First and longest pause when nodes or the main server fail. */
  firstRetryMs: number;
  longestRetryMs: number;
  /** Between looks at the node's clock. */
  clockMs: number;
  /** Between questions where the stream went, while the node waits for its broadcaster. */
  elsewhereMs: number;
}

const TIMING: WatchTiming = {
  connectMs: 3_000,
  sameNodeMs: 800,
  silentMs: 1_200,
  probeMs: 1_500,
  firstRetryMs: 250,
  longestRetryMs: 4_000,
  clockMs: 10_000,
  elsewhereMs: 2_000,
};

/** A watched node that served for longer than this was no failure when it is lost. */
const SERVED_WELL_MS = 5_000;
/** How often a quiet session looks up. */
const LOOK_MS = 300;

/** What ended watching on a node; `refused` by its answer, `moved` because it named others. */
type End = 'lost' | 'refused' | 'moved' | 'closed';

/** Watches one stream until closed, ended or refused for good. */
export class WatchSession {
  readonly #setup: WatchSetup;
  readonly #timing: WatchTiming;
  readonly #now: () => number;
  readonly #wake = new Wake();
  #state: WatchState = { phase: 'connecting', viewers: undefined, node: undefined, problem: undefined };
  #assignment: Assignment | undefined;
  #connection: NodeConnection | undefined;
  /** The node that is being left, still serving. */
  #leaving: NodeConnection | undefined;
  #moved: readonly NodeAddress[] | undefined;
  #last: ChunkName | undefined;
  #hadMedia = false;
  #rejoin = false;
  #heardAtMs = 0;
  /** When the node told, or the main server was last asked about it, that the broadcaster is missing. */
  #interruptedAtMs: number | undefined;
  #closed = false;

  constructor(setup: WatchSetup) {
    this.#setup = setup;
    this.#timing = { ...TIMING, ...setup.timing };
    this.#now = setup.now ?? localNowMs;
    void this.#run();
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Starts over at the newest keyframe, because what came before is of no more use. */
  rejoin(): void {
    this.#last = undefined;
    this.#rejoin = true;
    this.#wake.ring();
  }

  /** Leaves the stream. */
  close(): void {
    this.#closed = true;
    this.#connection?.close();
    this.#leaving?.close();
    this.#wake.ring();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isClosed()) {
      const startedAtMs = this.#now();
      const node = this.#assignment?.nodes[0];
      const end = node ? await this.#watchOn(node) : undefined;
      if (this.#isClosed()) return;
      if (end === 'moved') {
        failures = 0;
        continue;
      }
      failures = end === undefined || this.#now() - startedAtMs > SERVED_WELL_MS ? 0 : failures + 1;
      if (failures > 0) await this.#pause(failures);
      for (let tries = 1; !(await this.#assign(end === 'lost' ? node : undefined)); tries++) {
        if (this.#isClosed()) return;
        await this.#pause(tries);
      }
    }
  }

  /** Gets a grant and nodes; without the main server the standbys have to do. False: nothing to go on with. */
  async #assign(lost: NodeAddress | undefined): Promise<boolean> {
    const { passphrase } = this.#setup;
    try {
      this.#assignment = await this.#setup.askForNodes({
        ...(passphrase === undefined ? {} : { passphrase }),
        ...(lost ? { avoid: [lost.public_url] } : {}),
      });
      return this.#assignment.nodes.length > 0;
    } catch (error) {
      const problem = asCallError(error);
      if (problem.code === 'wrong_passphrase') this.#finish('locked', problem);
      else if (problem.code === 'unknown_stream') await this.#isOver(problem);
      else if (problem.code === 'no_node_available' || problem.code === 'limit_reached') this.#noNode(problem);
      else return this.#useStandbys(problem);
      return this.#isClosed();
    }
  }

  #useStandbys(problem: CallError): boolean {
    this.#show({ problem });
    const [first, ...standbys] = this.#assignment?.nodes ?? [];
    if (first === undefined || this.#assignment === undefined) return false;
    this.#assignment = { ...this.#assignment, nodes: [...standbys, first] };
    return true;
  }

  /** A stream that nobody carries is between two nodes or waits for its broadcaster; before that we are one too many. */
  #noNode(problem: CallError): void {
    if (this.#hadMedia) this.#show({ phase: 'reconnecting', problem });
    else this.#show({ phase: 'busy', problem });
  }

  async #isOver(problem: CallError): Promise<void> {
    try {
      const { state } = await this.#setup.describe();
      if (state === 'ended') this.#finish('ended', undefined);
      else this.#noNode(problem);
    } catch (error) {
      if (asCallError(error).code !== 'unknown_stream') return;
      this.#finish(this.#hadMedia ? 'ended' : 'not_found', problem);
    }
  }

  /** Watches on one node until it is lost, refuses, or sends us on. */
  async #watchOn(node: NodeAddress): Promise<End> {
    const connection = this.#setup.connect(node.public_url);
    this.#connection = connection;
    const forget = [
      connection.onLink(() => this.#wake.ring()),
      connection.on('streaming_data', (data) => this.#receive(data)),
      connection.on('stream_state', (change) => this.#stateChanged(change)),
      connection.on('stream_moved', (moved) => this.#move(moved)),
    ];
    this.#setup.clock.reset();
    let end: End = 'lost';
    try {
      for (let waitMs = this.#timing.connectMs; await this.#linkUp(connection, waitMs);) {
        const result = await this.#follow(connection, node);
        end = result === 'link_down' ? 'lost' : result;
        if (result !== 'link_down') break;
        waitMs = this.#timing.sameNodeMs;
      }
    } finally {
      this.#leaving?.close();
      this.#leaving = end === 'moved' ? connection : undefined;
      // Its media still counts while the next node is joined; repeats are dropped by name.
      if (end !== 'moved') {
        forget.forEach((stop) => stop());
        connection.close();
      }
      this.#connection = undefined;
    }
    return this.#isClosed() ? 'closed' : end;
  }

  async #linkUp(connection: NodeConnection, timeoutMs: number): Promise<boolean> {
    const deadline = this.#now() + timeoutMs;
    for (let left = timeoutMs; connection.link === 'down' && !this.#isClosed(); left = deadline - this.#now()) {
      if (this.#hadMedia) this.#show({ phase: 'reconnecting' });
      if (left <= 0) return false;
      await this.#wake.wait(left);
    }
    return !this.#isClosed();
  }

  /** Watches while the link holds. */
  async #follow(connection: NodeConnection, node: NodeAddress): Promise<End | 'link_down'> {
    const refusal = await this.#watch(connection, node);
    if (refusal !== undefined) return refusal;
    this.#lookAtClock(connection, 5);
    let clockDueMs = this.#now() + this.#timing.clockMs;
    while (!this.#isClosed()) {
      if (isDown(connection)) return 'link_down';
      if (this.#takeMove()) return 'moved';
      if (this.#now() - (this.#interruptedAtMs ?? Infinity) > this.#timing.elsewhereMs) {
        await this.#lookElsewhere(node);
        continue;
      }
      if (this.#rejoin) {
        await connection.call('leave_stream', { stream_id: this.#setup.streamId }).catch(() => undefined);
        const again = await this.#watch(connection, node);
        if (again !== undefined) return again;
      }
      if (this.#now() - this.#heardAtMs > this.#timing.silentMs && !(await this.#probe(connection))) {
        return isDown(connection) ? 'link_down' : 'lost';
      }
      if (this.#now() >= clockDueMs) {
        this.#lookAtClock(connection, 1);
        clockDueMs = this.#now() + this.#timing.clockMs;
      }
      await this.#wake.wait(LOOK_MS);
    }
    return 'closed';
  }

  /** Joins, or goes on after the last chunk; undefined when it worked. */
  async #watch(connection: NodeConnection, node: NodeAddress): Promise<End | 'link_down' | undefined> {
    this.#rejoin = false;
    this.#setup.onBacklog();
    const before = this.#state;
    try {
      const { mime } = await connection.call('watch_stream', {
        stream_id: this.#setup.streamId,
        ...(this.#assignment ? { grant: this.#assignment.grant } : {}),
        ...(this.#last ? { after: this.#last } : {}),
      });
      this.#heardAtMs = this.#now();
      this.#leaving?.close();
      this.#leaving = undefined;
      // A state the node told meanwhile is worth more than this guess.
      const told = this.#state !== before && this.#state.node === node.public_url;
      const phase = told ? this.#state.phase : mime === null ? 'waiting' : 'live';
      this.#show({ phase, node: node.public_url, problem: undefined });
      return undefined;
    } catch (error) {
      const problem = asCallError(error);
      this.#show({ problem, ...(problem.code === 'limit_reached' && !this.#hadMedia ? { phase: 'busy' } : {}) });
      if (problem.code === 'unreachable') return 'link_down';
      return ['unknown_stream', 'invalid_grant'].includes(problem.code) ? 'refused' : 'lost';
    }
  }

  async #probe(connection: NodeConnection): Promise<boolean> {
    const ask = (t0_ms: number) => connection.call('clock', { t0_ms }, this.#timing.probeMs);
    try {
      await this.#setup.clock.sync(ask, 1);
      this.#heardAtMs = this.#now();
      return true;
    } catch (error) {
      this.#show({ problem: asCallError(error) });
      return false;
    }
  }

  #lookAtClock(connection: NodeConnection, rounds: number): void {
    const ask = (t0_ms: number) => connection.call('clock', { t0_ms });
    // A node that does not answer is noticed by the probe.
    this.#setup.clock.sync(ask, rounds).catch(() => undefined);
  }

  #receive(data: StreamingData): void {
    this.#heardAtMs = this.#now();
    if (data.stream_id !== this.#setup.streamId || !(data.data instanceof ArrayBuffer) || this.#rejoin) return;
    if (data.kind === 'init') {
      if (this.#last && data.take < this.#last.take) return;
    } else {
      if (this.#last && compareChunks(data, this.#last) <= 0) return;
      this.#last = nameOf(data);
      this.#hadMedia = true;
      if (this.#state.phase === 'waiting') this.#show({ phase: 'live' });
    }
    this.#setup.onData(data);
  }

  #stateChanged({ stream_id, state, viewers }: StreamStateChanged): void {
    this.#heardAtMs = this.#now();
    if (stream_id !== this.#setup.streamId) return;
    this.#interruptedAtMs = state === 'interrupted' ? (this.#interruptedAtMs ?? this.#now()) : undefined;
    if (state === 'ended') {
      this.#show({ viewers });
      this.#finish('ended', undefined);
    } else this.#show({ phase: phaseOf(state), viewers, node: this.#assignment?.nodes[0]?.public_url });
  }

  #move({ stream_id, nodes }: StreamMoved): void {
    if (stream_id !== this.#setup.streamId || nodes.length === 0) return;
    this.#moved = nodes;
    this.#wake.ring();
  }

  /** A node that waits for its broadcaster does not know whether it went to another one; the main server does. */
  async #lookElsewhere(node: NodeAddress): Promise<void> {
    this.#interruptedAtMs = this.#now();
    const { passphrase } = this.#setup;
    try {
      const assignment = await this.#setup.askForNodes(passphrase === undefined ? {} : { passphrase });
      const first = assignment.nodes[0];
      if (first === undefined || first.public_url === node.public_url) return;
      this.#assignment = assignment;
      this.#moved = assignment.nodes;
      this.#interruptedAtMs = undefined;
    } catch {
      // Nobody knows better than this node for now.
    }
  }

  #takeMove(): boolean {
    if (this.#moved === undefined || this.#assignment === undefined) return false;
    this.#assignment = { ...this.#assignment, nodes: [...this.#moved] };
    this.#moved = undefined;
    return true;
  }

  async #pause(failures: number): Promise<void> {
    const { firstRetryMs, longestRetryMs } = this.#timing;
    const pauseMs = Math.min(longestRetryMs, firstRetryMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    const until = this.#now() + pauseMs;
    for (let left = pauseMs; left > 0 && !this.#isClosed(); left = until - this.#now()) await this.#wake.wait(left);
  }

  #finish(phase: 'locked' | 'not_found' | 'ended', problem: CallError | undefined): void {
    this.#show({ phase, problem });
    this.close();
  }

  #show(change: Partial<WatchState>): void {
    if (this.#closed) return;
    this.#state = { ...this.#state, ...change };
    this.#setup.onState(this.#state);
  }

  /** The same as `#closed`, for after an await, across which the compiler believes it unchanged. */
  #isClosed(): boolean {
    return this.#closed;
  }
}

/** A call and not a comparison, because the link changes across awaits without the compiler knowing. */
function isDown(connection: NodeConnection): boolean {
  return connection.link === 'down';
}

function phaseOf(state: Exclude<StreamState, 'ended'>): WatchPhase {
  return state === 'created' ? 'waiting' : state;
}

function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  return new CallError('bad_answer', error instanceof Error ? error.message : 'the call failed', { cause: error });
}
