// Stays on a node that carries one stream, whatever dies meanwhile. No DOM, no player: connections come from outside,
// media goes out in order and without repeats.
//
//   ask the main server ──► nodes ──► watch { after: last chunk } ──► init, chunks, states
//        ▲                    ▲ next       │ refused, not reached      │ link down: back on the same node, for a moment
//        └──── avoid them ────┴────────────┴─────────── lost, silent ──┘
//
// A silent link is probed with a `clock` call: a still screen is silent too, so silence alone proves nothing. A stream
// that moves is watched at its new node before the old one is left. A page that was frozen or slept joins anew, at the live
// edge, over a new connection: what the old one still holds is of no use. The main server is asked seldom: what the node
// tells is not asked, and pauses grow, differ from page to page, and are never shorter than `Retry-After`.

import { backOffMs, type BackOff } from '../api/back-off';
import { CallError } from '../protocol/error';
import type { ChunkName, StreamingData, StreamMoved, StreamStateChanged } from '../protocol/event';
import type { Assignment, AskForNodes, NodeAddress, StreamId, StreamInfo, StreamState } from '../protocol/stream';
import { localNowMs, type ServerClock } from '../transport/clock';
import type { TransportName } from '../transport/connection';
import type { ConnectViewer, ViewerConnection } from '../transport/viewer';
import { Wake } from '../transport/wake';
import { compareChunks, nameOf } from './chunk-name';
import type { Format } from './formats';

/** How watching is going. The last five are final. */
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
  /** No node can write the stream down in a format that was asked for. */
  | 'unsupported'
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
  /** What can be played, best first; the node's choice if left out. */
  formats?: readonly Format[];
  onState(state: WatchState): void;
  /** The next init segment or chunk; init segments may repeat. */
  onData(data: StreamingData): void;
  /** What comes next waited at the node. */
  onBacklog(): void;
  /** What comes next does not follow what came before: the stream is joined anew at its live edge. */
  onFreshStart(): void;
  /** Whether the page is hidden: a viewer who has seen nothing yet does not join meanwhile. */
  hidden?: () => boolean;
  /** Monotonic; it may stand still while the computer sleeps. */
  now?: () => number;
  /** The wall clock, which does not. */
  wallNow?: () => number;
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
  /** Between tries when nodes or the main server fail. */
  retry: BackOff;
  /** Between looks at the node's clock. */
  clockMs: number;
  /**
   * Between questions where the stream went, while the node waits for its broadcaster. The node looks for the broadcaster
   * too, at once, and pulls the stream: asking helps only where it cannot.
   */
  elsewhere: BackOff;
}

const TIMING: WatchTiming = {
  connectMs: 3_000,
  sameNodeMs: 800,
  silentMs: 1_200,
  probeMs: 1_500,
  retry: { firstMs: 250, longestMs: 15_000 },
  clockMs: 10_000,
  elsewhere: { firstMs: 6_000, longestMs: 30_000 },
};

/** A watched node that served for longer than this was no failure when it is lost. */
const SERVED_WELL_MS = 5_000;
/** Exchanges per look at a node's clock: one alone may be far off. */
const CLOCK_ROUNDS = { first: 5, later: 1 };
/** How often a quiet session looks up. */
const LOOK_MS = 300;

/** For so long a node that was silent or out of reach is not waited for again, if there are others. */
const DEAD_FOR_MS = 5_000;
/** After a lost node the pauses stay short for a while: the broadcaster is moving as well. */
const QUICK = { forMs: 10_000, longestMs: 1_000 };
/** A stream that has not begun is looked for at least this often. */
const LONGEST_WAIT_FOR_START_MS = 4_000;
/** For so long what the main server said of the stream's state is taken to hold. */
const DESCRIBED_FOR_MS = 10_000;
/** How often a hidden page that waits looks whether it is seen; it is told as well. */
const HIDDEN_LOOK_MS = 60_000;
/** A link silent for longer than any probe takes: the page did not run meanwhile. */
const STALE_MS = 5_000;
/** How often in a row a link may break soon after joining before the node counts as lost. */
const MOST_BREAKS = 3;

/** The node is silent or out of reach. */
const OUT_OF_REACH: readonly string[] = ['unreachable', 'timeout'];
/** No node can take a viewer now. */
const FULL: readonly string[] = ['no_capacity', 'limit_reached', 'no_node_available'];

/**
 * What ended watching on a node: it served and was `lost`, it `refused` or was never reached, it no longer takes our
 * `grant`, it `moved` us to others, or what it sends is `stale` because this page did not run for a while.
 */
type End = 'lost' | 'refused' | 'grant' | 'moved' | 'stale' | 'closed';

/** Watches one stream until closed, ended or refused for good. */
export class WatchSession {
  readonly #setup: WatchSetup;
  readonly #timing: WatchTiming;
  readonly #now: () => number;
  readonly #wallNow: () => number;
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
  /** When the node was last heard, on both clocks. */
  #heard = { atMs: 0, wallMs: 0 };
  #stale = false;
  /** While the broadcaster is missing: when to ask where the stream went, and how often that was done. */
  #elsewhere: { dueMs: number; asked: number } | undefined;
  /** What the main server last said of the stream. */
  #described: { state: StreamState | undefined; atMs: number } | undefined;
  #hurry = false;
  /** When to look at the node's clock again. */
  #clockDueMs = 0;
  #closed = false;

  constructor(setup: WatchSetup) {
    this.#setup = setup;
    this.#timing = { ...TIMING, ...setup.timing };
    this.#now = setup.now ?? localNowMs;
    this.#wallNow = setup.wallNow ?? (() => Date.now());
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

  /** The page runs again or is seen again: whether the link is still good is looked at now. */
  look(): void {
    this.#wake.ring();
  }

  /** Asks for the node's clock now. */
  lookAtClock(): void {
    this.#clockDueMs = -Infinity;
    this.#wake.ring();
  }

  /** The network is back: what waits for its next try is tried now. */
  hurry(): void {
    this.#hurry = true;
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
    let begins = 0;
    while (!this.#isClosed()) {
      const node = this.#nextNode();
      if (node === undefined) {
        if (failures > 1) await this.#showFull();
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
        await this.#pause(++begins, LONGEST_WAIT_FOR_START_MS);
        continue;
      }
      begins = 0;
      if (end === 'lost' || end === 'refused') {
        this.#failed.add(node.public_url);
        if (end === 'lost') this.#lostAtMs = this.#now();
        if (this.#hadMedia) this.#show({ phase: 'reconnecting' });
      }
      if (end === 'stale') this.#startAfresh();
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
      else if (FULL.includes(problem.code)) await this.#noNode(problem);
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
  async #showFull(): Promise<void> {
    const { problem } = this.#state;
    if (problem && FULL.includes(problem.code)) await this.#noNode(problem);
  }

  /**
   * No node takes us. With `no_node_available` the reason may be the stream itself: it is over, or waits for its broadcaster.
   * Just after a loss it is on its way to another node. Otherwise we are one too many.
   */
  async #noNode(problem: CallError): Promise<void> {
    const isBetweenNodes = this.#hadMedia && problem.code !== 'no_capacity';
    const asks = problem.code === 'no_node_available' && !(isBetweenNodes && this.#lostJustNow);
    const state = asks ? await this.#streamState() : undefined;
    if (state === 'ended') this.#finish('ended', undefined);
    else if (state === 'interrupted' || state === 'created') this.#show({ phase: phaseOf(state), problem });
    else this.#show({ phase: isBetweenNodes ? 'reconnecting' : 'busy', problem });
  }

  /** Whether no node has the stream because it has not begun: none of them is at fault, and there is something to wait for. */
  async #beginsLater(): Promise<boolean> {
    if (this.#hadMedia || this.#state.problem?.code !== 'no_node_available') return false;
    if ((await this.#streamState()) !== 'created') return false;
    this.#show({ phase: 'waiting', problem: undefined });
    return true;
  }

  /** What the main server knows of the stream, not much older than now; undefined where it cannot tell. */
  async #streamState(): Promise<StreamState | undefined> {
    if (this.#described === undefined || this.#now() - this.#described.atMs > DESCRIBED_FOR_MS) {
      const state = await this.#setup.describe().then(
        (info) => info.state,
        () => undefined,
      );
      this.#described = { state, atMs: this.#now() };
    }
    return this.#described.state;
  }

  async #isOver(problem: CallError): Promise<void> {
    try {
      const { state } = await this.#setup.describe();
      if (state === 'ended') this.#finish('ended', undefined);
      else await this.#noNode(problem);
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
    this.#lookAtClock(connection, CLOCK_ROUNDS.first);
    while (!this.#isClosed()) {
      if (this.#dropped) return 'lost';
      if (isDown(connection)) return 'link_down';
      if (this.#takeMove()) return 'moved';
      if (this.#isStaleNow()) return 'stale';
      if (this.#elsewhere !== undefined && this.#now() >= this.#elsewhere.dueMs) {
        await this.#lookElsewhere(node, this.#elsewhere);
        continue;
      }
      if (this.#rejoin) {
        await connection.leave();
        const again = await this.#watch(connection, node, this.#timing.connectMs);
        if (again !== undefined) return again === 'refused' ? 'lost' : again;
      }
      if (this.#silentForMs > this.#timing.silentMs && !(await this.#probe(connection))) {
        if (isDown(connection)) return 'link_down';
        if (this.#isStaleNow()) return 'stale';
        this.#deadSinceMs.set(node.public_url, this.#now());
        return 'lost';
      }
      if (this.#now() >= this.#clockDueMs || this.#setup.clock.isOutdated) {
        this.#lookAtClock(connection, CLOCK_ROUNDS.later);
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
    // Silence before joining is not the link's.
    this.#hear();
    this.#setup.onBacklog();
    const before = this.#state;
    const request = {
      stream_id: this.#setup.streamId,
      ...(this.#assignment ? { grant: this.#assignment.grant } : {}),
      ...(this.#last ? { after: this.#last } : {}),
      ...(this.#setup.formats ? { format: this.#setup.formats.join(',') } : {}),
    };
    try {
      const { mime } = await connection.watch(request, waitMs);
      this.#hear();
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
      if (problem.code === 'unsupported_format') this.#finish('unsupported', problem);
      if (OUT_OF_REACH.includes(problem.code)) this.#deadSinceMs.set(node.public_url, this.#now());
      return problem.code === 'invalid_grant' ? 'grant' : 'refused';
    }
  }

  async #probe(connection: ViewerConnection): Promise<boolean> {
    const ask = (t0_ms: number) => connection.clock({ t0_ms }, this.#timing.probeMs);
    try {
      await this.#setup.clock.sync(ask, 1);
      this.#hear();
      return true;
    } catch (error) {
      this.#show({ problem: asCallError(error) });
      return false;
    }
  }

  #lookAtClock(connection: ViewerConnection, rounds: number): void {
    this.#clockDueMs = this.#now() + this.#timing.clockMs;
    const ask = (t0_ms: number) => connection.clock({ t0_ms });
    // A node that does not answer is noticed by the probe.
    this.#setup.clock.sync(ask, rounds).catch(() => undefined);
  }

  #receive(data: StreamingData): void {
    // What waited while the page did not run is no longer live.
    if (this.#isStaleNow()) {
      this.#stale = true;
      this.#wake.ring();
      return;
    }
    this.#hear();
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
    if (!this.#isStaleNow()) this.#hear();
    if (stream_id !== this.#setup.streamId) return;
    const firstDueMs = this.#now() + backOffMs(this.#timing.elsewhere, 1);
    this.#elsewhere = state === 'interrupted' ? (this.#elsewhere ?? { dueMs: firstDueMs, asked: 0 }) : undefined;
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

  /** A node that waits for its broadcaster may not reach the one it went to; the main server knows that one. */
  async #lookElsewhere(node: NodeAddress, looks: { dueMs: number; asked: number }): Promise<void> {
    looks.asked++;
    let problem: unknown;
    try {
      const assignment = await this.#setup.askForNodes(this.#question([]));
      const first = assignment.nodes[0];
      if (first !== undefined && first.public_url !== node.public_url) {
        this.#take(assignment);
        this.#moved = assignment.nodes;
        this.#elsewhere = undefined;
      }
    } catch (error) {
      // Nobody knows better than this node for now.
      problem = error;
    }
    looks.dueMs = this.#now() + backOffMs(this.#timing.elsewhere, looks.asked + 1, problem);
  }

  #takeMove(): boolean {
    if (this.#moved === undefined || this.#assignment === undefined) return false;
    this.#take({ ...this.#assignment, nodes: [...this.#moved] });
    this.#moved = undefined;
    return true;
  }

  /** Waits for the next try; a hidden page that has shown nothing yet, until it is seen. */
  async #pause(failures: number, longestMs?: number): Promise<void> {
    const pauseMs = this.#pauseMs(failures, this.#state.problem, longestMs);
    const until = this.#now() + pauseMs;
    this.#show({ retryAtMs: until });
    this.#hurry = false;
    for (let left = pauseMs; left > 0 && !this.#isPauseOver; left = until - this.#now()) await this.#wake.wait(left);
    while (!this.#isPauseOver && !this.#hadMedia && this.#setup.hidden?.() === true)
      await this.#wake.wait(HIDDEN_LOOK_MS);
    this.#show({ retryAtMs: undefined });
  }

  /** A method and a getter are not narrowed by the compiler, which believes fields unchanged across an await. */
  get #isPauseOver(): boolean {
    return this.#closed || this.#hurry;
  }

  #pauseMs(failures: number, problem: CallError | undefined, longestMs = this.#timing.retry.longestMs): number {
    const isFull = problem?.code === 'no_capacity' || problem?.code === 'limit_reached';
    const quick = !isFull && this.#lostJustNow;
    const retry = { ...this.#timing.retry, longestMs: quick ? QUICK.longestMs : longestMs };
    return backOffMs(retry, failures, problem);
  }

  get #lostJustNow(): boolean {
    return this.#now() - (this.#lostAtMs ?? -Infinity) < QUICK.forMs;
  }

  #hear(): void {
    this.#heard = { atMs: this.#now(), wallMs: this.#wallNow() };
  }

  /** The wall clock counts too: the other one may have stood still while the computer slept. */
  get #silentForMs(): number {
    return Math.max(this.#now() - this.#heard.atMs, this.#wallNow() - this.#heard.wallMs);
  }

  /** A call, because the compiler believes a getter unchanged across an await. */
  #isStaleNow(): boolean {
    return this.#stale || this.#silentForMs > STALE_MS;
  }

  /** Forgets where it was: what was missed while the page did not run is of no interest. */
  #startAfresh(): void {
    this.#stale = false;
    this.#last = undefined;
    this.#elsewhere = undefined;
    // Networks take a moment to come back after sleep.
    this.#lostAtMs = this.#now();
    if (this.#hadMedia) this.#show({ phase: 'reconnecting' });
    this.#setup.onFreshStart();
  }

  #finish(phase: 'locked' | 'not_found' | 'ended' | 'unsupported' | 'failed', problem: CallError | undefined): void {
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
