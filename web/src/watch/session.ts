// Stays on a node that carries one stream, whatever dies meanwhile. No DOM, no player: connections come from outside,
// media goes out in order and without repeats.
//
//   ask the main server ──► nodes ──► watch { after: last chunk } ──► init, chunks, states
//        ▲                    ▲ next       │ refused, not reached      │ link down: back on the same node, for a moment
//        └──── avoid them ────┴────────────┴─────────── lost, silent ──┘
//
// A silent link is probed with a `clock` call: a still screen is silent too, so silence alone proves nothing. A stream
// that moves is watched at its new node before the old one is left.

import { CallError } from '../protocol/error';
import type { ChunkName, StreamingData, StreamMoved, StreamStateChanged } from '../protocol/event';
import type { Assignment, AskForNodes, NodeAddress, StreamId, StreamInfo, StreamState } from '../protocol/stream';
import { localNowMs, type ServerClock } from '../transport/clock';
import type { TransportName } from '../transport/connection';
import type { ConnectViewer, ViewerConnection } from '../transport/viewer';
import { Wake } from '../transport/wake';
import { compareChunks, nameOf } from './chunk-name';

/** How watching is going. The last four are final. */
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
  /** No node can take a viewer now, or nobody can say which; asked again and again. */
  | 'busy'
  /** A passphrase is needed, or was wrong. */
  | 'locked'
  | 'not_found'
  | 'ended'
  /** The session itself failed, which no server can cure: only another session can go on. */
  | 'failed';

/** How watching is going, in detail. */
export interface WatchState {
  phase: WatchPhase;
  /** On the node in use; undefined before it told. */
  viewers: number | undefined;
  /** Public URL of the node in use. */
  node: string | undefined;
  /** What carries the media. */
  transport: TransportName | undefined;
  /** What went wrong last. */
  problem: CallError | undefined;
  /** When the main server is asked again, on the session's clock; only while it waits for that. */
  retryAtMs: number | undefined;
}

/** What a session works with. */
export interface WatchSetup {
  streamId: StreamId;
  connect: ConnectViewer;
  /** The node's clock, kept up to date. */
  clock: ServerClock;
  /** Asks the main server where to watch. */
  askForNodes(ask: AskForNodes): Promise<Assignment>;
  /** Asks the main server about the stream. */
  describe(): Promise<StreamInfo>;
  /** For a private stream that has one. */
  passphrase?: string;
  /** Where to be served from, if there is room. */
  region?: string;
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
  /** For a first answer from a node. */
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
  /** Longest pause while every node is full: those who wait must not be a load of their own. */
  longestFullRetryMs: number;
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
  longestFullRetryMs: 15_000,
  clockMs: 10_000,
  elsewhereMs: 2_000,
};

/** A watched node that served for longer than this was no failure when it is lost. */
const SERVED_WELL_MS = 5_000;
/** How often a quiet session looks up. */
const LOOK_MS = 300;

/** For so long a node that was silent or out of reach is not waited for again, if there are others. */
const DEAD_FOR_MS = 5_000;
/** Who lost a node looks for the stream at short intervals: its broadcaster is moving as well. */
const QUICK = { forMs: 10_000, longestMs: 500 };
/** How often in a row a link may break soon after joining before the node counts as lost. */
const MOST_BREAKS = 3;

/** The node is silent or out of reach. */
const OUT_OF_REACH: readonly string[] = ['unreachable', 'timeout'];
/** No node can take a viewer now. */
const FULL: readonly string[] = ['no_capacity', 'limit_reached', 'no_node_available'];

/**
 * What ended watching on a node: it served and was `lost`, it `refused` or was never reached, it no longer takes our
 * `grant`, or it `moved` us to others.
 */
type End = 'lost' | 'refused' | 'grant' | 'moved' | 'closed';

/** Watches one stream until closed, ended or refused for good. */
export class WatchSession {
  readonly #setup: WatchSetup;
  readonly #timing: WatchTiming;
  readonly #now: () => number;
  readonly #wake = new Wake();
  #state: WatchState = {
    phase: 'connecting',
    viewers: undefined,
    node: undefined,
    transport: undefined,
    problem: undefined,
    retryAtMs: undefined,
  };
  #assignment: Assignment | undefined;
  /** Nodes that failed us since the main server was last asked. */
  readonly #failed = new Set<string>();
  /** When nodes were last found silent or out of reach, by public URL. */
  readonly #deadSinceMs = new Map<string, number>();
  /** When the node that served us was lost, until another one serves. */
  #lostAtMs: number | undefined;
  /** What the main server said last no longer holds. */
  #outdated = false;
  #connection: ViewerConnection | undefined;
  /** The node that is being left, still serving. */
  #leaving: ViewerConnection | undefined;
  #moved: readonly NodeAddress[] | undefined;
  /** The node stopped carrying the stream, which is not over. */
  #dropped = false;
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
    this.#run().catch((error: unknown) => this.#finish('failed', asCallError(error)));
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
    /** Assignments in a row of which no node served well. */
    let failures = 0;
    while (!this.#isClosed()) {
      const node = this.#nextNode();
      if (node === undefined) {
        if (failures > 1) this.#showFull();
        if (failures > 0) await this.#pause(failures);
        for (let tries = 1; !this.#isClosed() && !(await this.#assign()); tries++) await this.#pause(tries);
        failures++;
        continue;
      }
      const startedAtMs = this.#now();
      const end = await this.#watchOn(node);
      if (end === 'moved' || this.#now() - startedAtMs > SERVED_WELL_MS) failures = 0;
      if (end === 'refused' && (await this.#beginsLater())) {
        this.#outdated = true;
        failures = 0;
        await this.#pause(1);
        continue;
      }
      if (end === 'lost' || end === 'refused') {
        this.#failed.add(node.public_url);
        if (end === 'lost') this.#lostAtMs = this.#now();
        if (this.#hadMedia) this.#show({ phase: 'reconnecting' });
      }
      // When a node that served is gone, the main server knows who carries the stream now.
      if (end === 'lost' || end === 'grant') this.#outdated = true;
    }
  }

  #nextNode(): NodeAddress | undefined {
    if (this.#outdated) return undefined;
    const nodes = this.#assignment?.nodes ?? [];
    const alive = nodes.filter(({ public_url }) => !this.#isDead(public_url));
    return (alive.length > 0 ? alive : nodes).find(({ public_url }) => !this.#failed.has(public_url));
  }

  #isDead(publicUrl: string): boolean {
    return this.#now() - (this.#deadSinceMs.get(publicUrl) ?? -Infinity) < DEAD_FOR_MS;
  }

  /** What the main server should name last, if at all. */
  get #avoid(): string[] {
    const dead = [...this.#deadSinceMs.keys()].filter((publicUrl) => this.#isDead(publicUrl));
    return [...new Set([...this.#failed, ...dead])];
  }

  #take(assignment: Assignment): void {
    this.#assignment = assignment;
    this.#outdated = false;
    this.#failed.clear();
  }

  #question(avoid: string[]): AskForNodes {
    const { passphrase, region } = this.#setup;
    return {
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(avoid.length === 0 ? {} : { avoid }),
      ...(region === undefined ? {} : { region }),
    };
  }

  /** Gets a grant and nodes; without the main server the standbys have to do. False: nothing to go on with. */
  async #assign(): Promise<boolean> {
    try {
      const assignment = await this.#setup.askForNodes(this.#question(this.#avoid));
      this.#take(assignment);
      return assignment.nodes.length > 0;
    } catch (error) {
      const problem = asCallError(error);
      if (problem.code === 'wrong_passphrase') this.#finish('locked', problem);
      else if (problem.code === 'unknown_stream') await this.#isOver(problem);
      else if (FULL.includes(problem.code)) this.#noNode(problem);
      else return this.#useStandbys(problem);
      return false;
    }
  }

  #useStandbys(problem: CallError): boolean {
    this.#show({ problem });
    if (this.#assignment === undefined) {
      if (problem.code === 'store_unavailable') this.#show({ phase: 'busy' });
      return false;
    }
    const { grant, nodes } = this.#assignment;
    const hasFailed = ({ public_url }: NodeAddress): boolean => this.#failed.has(public_url);
    this.#take({ grant, nodes: [...nodes.filter((node) => !hasFailed(node)), ...nodes.filter(hasFailed)] });
    return nodes.length > 0;
  }

  /** Node after node had no room. */
  #showFull(): void {
    const { problem } = this.#state;
    if (problem && FULL.includes(problem.code)) this.#noNode(problem);
  }

  /** A stream that nobody carries is between two nodes or waits for its broadcaster; before that we are one too many. */
  #noNode(problem: CallError): void {
    const passes = this.#hadMedia && problem.code !== 'no_capacity';
    this.#show({ phase: passes ? 'reconnecting' : 'busy', problem });
  }

  /** Whether no node has the stream because it has not begun: none of them is at fault, and there is something to wait for. */
  async #beginsLater(): Promise<boolean> {
    if (this.#hadMedia || this.#state.problem?.code !== 'no_node_available') return false;
    try {
      const { state } = await this.#setup.describe();
      if (state !== 'created') return false;
      this.#show({ phase: 'waiting', problem: undefined });
      return true;
    } catch {
      // Without the main server the next node is as good a guess as any.
      return false;
    }
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
    this.#dropped = false;
    const forget = [
      connection.onLink(() => this.#wake.ring()),
      connection.on('streaming_data', (data) => this.#receive(data)),
      connection.on('stream_state', (change) => this.#stateChanged(change, node)),
      connection.on('stream_moved', (moved) => this.#move(moved)),
      connection.on('stream_dropped', ({ stream_id }) => this.#drop(stream_id)),
    ];
    this.#setup.clock.reset();
    let end: End = 'lost';
    try {
      end = await this.#stayOn(connection, node);
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

  /** Watches until the node has to be left; a link that breaks may come back, though not again and again. */
  async #stayOn(connection: ViewerConnection, node: NodeAddress): Promise<End> {
    let refusal = await this.#watch(connection, node, this.#timing.connectMs);
    for (let breaks = 0; refusal === undefined;) {
      const joinedAtMs = this.#now();
      const end = await this.#follow(connection, node);
      if (end !== 'link_down') return end;
      if (this.#hadMedia) this.#show({ phase: 'reconnecting' });
      breaks = this.#now() - joinedAtMs > SERVED_WELL_MS ? 1 : breaks + 1;
      if (breaks >= MOST_BREAKS) return 'lost';
      refusal = await this.#watch(connection, node, this.#timing.sameNodeMs);
      if (refusal === 'refused') return 'lost';
    }
    return refusal;
  }

  /** Watches while the link holds. */
  async #follow(connection: ViewerConnection, node: NodeAddress): Promise<End | 'link_down'> {
    this.#lookAtClock(connection, 5);
    let clockDueMs = this.#now() + this.#timing.clockMs;
    while (!this.#isClosed()) {
      if (this.#dropped) return 'lost';
      if (isDown(connection)) return 'link_down';
      if (this.#takeMove()) return 'moved';
      if (this.#now() - (this.#interruptedAtMs ?? Infinity) > this.#timing.elsewhereMs) {
        await this.#lookElsewhere(node);
        continue;
      }
      if (this.#rejoin) {
        await connection.leave();
        const again = await this.#watch(connection, node, this.#timing.connectMs);
        if (again !== undefined) return again === 'refused' ? 'lost' : again;
      }
      if (this.#now() - this.#heardAtMs > this.#timing.silentMs && !(await this.#probe(connection))) {
        if (isDown(connection)) return 'link_down';
        this.#deadSinceMs.set(node.public_url, this.#now());
        return 'lost';
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
  async #watch(
    connection: ViewerConnection,
    node: NodeAddress,
    waitMs: number,
  ): Promise<'refused' | 'grant' | undefined> {
    this.#rejoin = false;
    this.#setup.onBacklog();
    const before = this.#state;
    const request = {
      stream_id: this.#setup.streamId,
      ...(this.#assignment ? { grant: this.#assignment.grant } : {}),
      ...(this.#last ? { after: this.#last } : {}),
    };
    try {
      const { mime } = await connection.watch(request, waitMs);
      this.#heardAtMs = this.#now();
      this.#leaving?.close();
      this.#leaving = undefined;
      this.#lostAtMs = undefined;
      this.#deadSinceMs.delete(node.public_url);
      // A state the node told meanwhile is worth more than this guess.
      const told = this.#state !== before && this.#state.node === node.public_url;
      const phase = told ? this.#state.phase : mime === null ? 'waiting' : 'live';
      this.#show({ phase, node: node.public_url, transport: connection.transport, problem: undefined });
      return undefined;
    } catch (error) {
      const problem = asCallError(error);
      this.#show({ problem });
      if (OUT_OF_REACH.includes(problem.code)) this.#deadSinceMs.set(node.public_url, this.#now());
      return problem.code === 'invalid_grant' ? 'grant' : 'refused';
    }
  }

  async #probe(connection: ViewerConnection): Promise<boolean> {
    const ask = (t0_ms: number) => connection.clock({ t0_ms }, this.#timing.probeMs);
    try {
      await this.#setup.clock.sync(ask, 1);
      this.#heardAtMs = this.#now();
      return true;
    } catch (error) {
      this.#show({ problem: asCallError(error) });
      return false;
    }
  }

  #lookAtClock(connection: ViewerConnection, rounds: number): void {
    const ask = (t0_ms: number) => connection.clock({ t0_ms });
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
    try {
      this.#setup.onData(data);
    } catch (error) {
      this.#finish('failed', asCallError(error));
    }
  }

  #stateChanged({ stream_id, state, viewers }: StreamStateChanged, node: NodeAddress): void {
    this.#heardAtMs = this.#now();
    if (stream_id !== this.#setup.streamId) return;
    this.#interruptedAtMs = state === 'interrupted' ? (this.#interruptedAtMs ?? this.#now()) : undefined;
    if (state === 'ended') {
      this.#show({ viewers });
      this.#finish('ended', undefined);
    } else this.#show({ phase: phaseOf(state), viewers, node: node.public_url });
  }

  #move({ stream_id, nodes }: StreamMoved): void {
    if (stream_id !== this.#setup.streamId || nodes.length === 0) return;
    this.#moved = nodes;
    this.#wake.ring();
  }

  #drop(streamId: StreamId): void {
    if (streamId !== this.#setup.streamId) return;
    this.#dropped = true;
    this.#wake.ring();
  }

  /** A node that waits for its broadcaster does not know whether it went to another one; the main server does. */
  async #lookElsewhere(node: NodeAddress): Promise<void> {
    this.#interruptedAtMs = this.#now();
    try {
      const assignment = await this.#setup.askForNodes(this.#question([]));
      const first = assignment.nodes[0];
      if (first === undefined || first.public_url === node.public_url) return;
      this.#take(assignment);
      this.#moved = assignment.nodes;
      this.#interruptedAtMs = undefined;
    } catch {
      // Nobody knows better than this node for now.
    }
  }

  #takeMove(): boolean {
    if (this.#moved === undefined || this.#assignment === undefined) return false;
    this.#take({ ...this.#assignment, nodes: [...this.#moved] });
    this.#moved = undefined;
    return true;
  }

  async #pause(failures: number): Promise<void> {
    const pauseMs = this.#pauseMs(failures, this.#state.problem);
    const until = this.#now() + pauseMs;
    this.#show({ retryAtMs: until });
    for (let left = pauseMs; left > 0 && !this.#isClosed(); left = until - this.#now()) await this.#wake.wait(left);
    this.#show({ retryAtMs: undefined });
  }

  /** Grows with every failure, is never shorter than the server asked for, and differs from viewer to viewer. */
  #pauseMs(failures: number, problem: CallError | undefined): number {
    const { firstRetryMs, longestRetryMs, longestFullRetryMs } = this.#timing;
    const isFull = problem?.code === 'no_capacity' || problem?.code === 'limit_reached';
    const quick = !isFull && this.#now() - (this.#lostAtMs ?? -Infinity) < QUICK.forMs;
    const longestMs = quick ? QUICK.longestMs : isFull ? longestFullRetryMs : longestRetryMs;
    const backOffMs = Math.min(longestMs, firstRetryMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    const askedMs = quick ? 0 : Math.min(problem?.retryAfterMs ?? 0, longestFullRetryMs);
    return Math.max(backOffMs, askedMs * (1 + Math.random() / 2));
  }

  #finish(phase: 'locked' | 'not_found' | 'ended' | 'failed', problem: CallError | undefined): void {
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
function isDown(connection: ViewerConnection): boolean {
  return connection.link !== 'up';
}

function phaseOf(state: Exclude<StreamState, 'ended'>): WatchPhase {
  return state === 'created' ? 'waiting' : state;
}

function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  return new CallError('bad_answer', error instanceof Error ? error.message : 'the call failed', { cause: error });
}
