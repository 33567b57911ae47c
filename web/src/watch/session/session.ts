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

import { asCallError, type CallError } from '../../protocol/error';
import type { StreamingData, StreamMoved, StreamStateChanged } from '../../protocol/event';
import type { NodeAddress, StreamId } from '../../protocol/stream';
import { localNowMs } from '../../transport/clock';
import type { ViewerConnection } from '../../transport/viewer';
import { Wake } from '../../transport/wake';
import { Admission } from './admission';
import { Elsewhere } from './elsewhere';
import { NodeClock } from './node-clock';
import { NodeList } from './node-list';
import { Pauses } from './pauses';
import { Received } from './received';
import { TIMING, type WatchSetup, type WatchTiming } from './setup';
import { Silence } from './silence';
import { BEGINNING, phaseOf, type FinalPhase, type WatchState } from './state';

/** A watched node that served for longer than this was no failure when it is lost. */
const SERVED_WELL_MS = 5_000;
/** How often a quiet session looks up. */
const LOOK_MS = 300;

/** A stream that has not begun is looked for at least this often. */
const LONGEST_WAIT_FOR_START_MS = 4_000;
/** How often in a row a link may break soon after joining before the node counts as lost. */
const MOST_BREAKS = 3;

/** The node is silent or out of reach. */
const OUT_OF_REACH: readonly string[] = ['unreachable', 'timeout'];

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
  readonly #wake = new Wake();
  readonly #nodes = new NodeList();
  readonly #received = new Received();
  readonly #silence: Silence;
  readonly #admission: Admission;
  readonly #clock: NodeClock;
  readonly #elsewhere: Elsewhere;
  readonly #pauses: Pauses;
  #state: WatchState = BEGINNING;
  #connection: ViewerConnection | undefined;
  /** The node that is being left, still serving. */
  #leaving: ViewerConnection | undefined;
  #moved: readonly NodeAddress[] | undefined;
  /** The node stopped carrying the stream, which is not over. */
  #dropped = false;
  #rejoin = false;
  #closed = false;

  constructor(setup: WatchSetup) {
    this.#setup = setup;
    this.#timing = { ...TIMING, ...setup.timing };
    this.#now = setup.now ?? localNowMs;
    this.#silence = new Silence(this.#now, setup.wallNow ?? (() => Date.now()));
    this.#clock = new NodeClock(setup.clock, this.#timing, this.#now);
    this.#elsewhere = new Elsewhere(this.#timing.elsewhere);
    const owner = {
      problem: () => this.#state.problem,
      hadMedia: () => this.#received.hadMedia,
      lostJustNow: () => this.#pauses.lostJustNow,
      show: (change: Partial<WatchState>) => this.#show(change),
      finish: (phase: FinalPhase, problem: CallError | undefined) => this.#finish(phase, problem),
    };
    this.#pauses = new Pauses(this.#timing.retry, this.#wake, this.#now, {
      problem: () => this.#state.problem,
      hadMedia: () => this.#received.hadMedia,
      hidden: () => setup.hidden?.() === true,
      isClosed: () => this.#closed,
      retriesAt: (retryAtMs) => this.#show({ retryAtMs }),
    });
    this.#admission = new Admission(setup, this.#nodes, owner, this.#now);
    this.#run().catch((error: unknown) => this.#finish('failed', asCallError(error)));
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Starts over at the newest keyframe, because what came before is of no more use. */
  rejoin(): void {
    this.#received.forget();
    this.#rejoin = true;
    this.#wake.ring();
  }

  /** The page runs again or is seen again: whether the link is still good is looked at now. */
  look(): void {
    this.#wake.ring();
  }

  /** Asks for the node's clock now. */
  lookAtClock(): void {
    this.#clock.makeDue();
    this.#wake.ring();
  }

  /** The network is back: what waits for its next try is tried now. */
  hurry(): void {
    this.#pauses.hurry();
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
      const node = this.#nodes.next(this.#now());
      if (node === undefined) {
        if (failures > 1) await this.#admission.showFull();
        if (failures > 0) await this.#pauses.pause(failures);
        for (let tries = 1; !this.#isClosed() && !(await this.#admission.ask()); tries++)
          await this.#pauses.pause(tries);
        failures++;
        continue;
      }
      const startedAtMs = this.#now();
      const end = await this.#watchOn(node);
      if (end === 'moved' || this.#now() - startedAtMs > SERVED_WELL_MS) failures = 0;
      if (end === 'refused' && (await this.#admission.beginsLater())) {
        this.#nodes.outdate();
        failures = 0;
        await this.#pauses.pause(++begins, LONGEST_WAIT_FOR_START_MS);
        continue;
      }
      begins = 0;
      if (end === 'lost' || end === 'refused') {
        this.#nodes.failed(node);
        if (end === 'lost') this.#pauses.lost();
        if (this.#received.hadMedia) this.#show({ phase: 'reconnecting' });
      }
      if (end === 'stale') this.#startAfresh();
      // When a node that served is gone, the main server knows who carries the stream now.
      if (end === 'lost' || end === 'grant') this.#nodes.outdate();
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
    this.#clock.reset();
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
      if (this.#received.hadMedia) this.#show({ phase: 'reconnecting' });
      breaks = this.#now() - joinedAtMs > SERVED_WELL_MS ? 1 : breaks + 1;
      if (breaks >= MOST_BREAKS) return 'lost';
      refusal = await this.#watch(connection, node, this.#timing.sameNodeMs);
      if (refusal === 'refused') return 'lost';
    }
    return refusal;
  }

  /** Watches while the link holds. */
  async #follow(connection: ViewerConnection, node: NodeAddress): Promise<End | 'link_down'> {
    this.#clock.look(connection);
    while (!this.#isClosed()) {
      if (this.#dropped) return 'lost';
      if (isDown(connection)) return 'link_down';
      if (this.#takeMove()) return 'moved';
      if (this.#silence.isStale()) return 'stale';
      if (this.#elsewhere.isDue(this.#now())) {
        await this.#lookElsewhere(node);
        continue;
      }
      if (this.#rejoin) {
        await connection.leave();
        const again = await this.#watch(connection, node, this.#timing.connectMs);
        if (again !== undefined) return again === 'refused' ? 'lost' : again;
      }
      if (this.#silence.forMs > this.#timing.silentMs && !(await this.#probe(connection))) {
        if (isDown(connection)) return 'link_down';
        if (this.#silence.isStale()) return 'stale';
        this.#nodes.died(node, this.#now());
        return 'lost';
      }
      this.#clock.lookIfDue(connection);
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
    this.#silence.hear();
    this.#setup.onBacklog();
    const before = this.#state;
    const request = {
      stream_id: this.#setup.streamId,
      ...(this.#nodes.grant === undefined ? {} : { grant: this.#nodes.grant }),
      ...(this.#received.last ? { after: this.#received.last } : {}),
      ...(this.#setup.formats ? { format: this.#setup.formats.join(',') } : {}),
    };
    try {
      const { mime } = await connection.watch(request, waitMs);
      this.#silence.hear();
      this.#leaving?.close();
      this.#leaving = undefined;
      this.#pauses.serves();
      this.#nodes.serves(node);
      // A state the node told meanwhile is worth more than this guess.
      const told = this.#state !== before && this.#state.node === node.public_url;
      const phase = told ? this.#state.phase : mime === null ? 'waiting' : 'live';
      this.#show({ phase, node: node.public_url, transport: connection.transport, problem: undefined });
      return undefined;
    } catch (error) {
      const problem = asCallError(error);
      this.#show({ problem });
      if (problem.code === 'unsupported_format') this.#finish('unsupported', problem);
      if (OUT_OF_REACH.includes(problem.code)) this.#nodes.died(node, this.#now());
      return problem.code === 'invalid_grant' ? 'grant' : 'refused';
    }
  }

  async #probe(connection: ViewerConnection): Promise<boolean> {
    try {
      await this.#clock.probe(connection);
      this.#silence.hear();
      return true;
    } catch (error) {
      this.#show({ problem: asCallError(error) });
      return false;
    }
  }

  #receive(data: StreamingData): void {
    // What waited while the page did not run is no longer live.
    if (this.#silence.isStale()) {
      this.#silence.markStale();
      this.#wake.ring();
      return;
    }
    this.#silence.hear();
    if (data.stream_id !== this.#setup.streamId || !(data.data instanceof ArrayBuffer) || this.#rejoin) return;
    if (!this.#received.isNew(data)) return;
    if (data.kind === 'media' && this.#state.phase === 'waiting') this.#show({ phase: 'live' });
    try {
      this.#setup.onData(data);
    } catch (error) {
      this.#finish('failed', asCallError(error));
    }
  }

  #stateChanged({ stream_id, state, viewers }: StreamStateChanged, node: NodeAddress): void {
    if (!this.#silence.isStale()) this.#silence.hear();
    if (stream_id !== this.#setup.streamId) return;
    if (state === 'interrupted') this.#elsewhere.begin(this.#now());
    else this.#elsewhere.reset();
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
  async #lookElsewhere(node: NodeAddress): Promise<void> {
    let problem: unknown;
    try {
      this.#moved = (await this.#admission.askElsewhere(node)) ?? this.#moved;
    } catch (error) {
      // This node knows best for now.
      problem = error;
    }
    if (this.#moved === undefined) this.#elsewhere.asked(this.#now(), problem);
    else this.#elsewhere.reset();
  }

  #takeMove(): boolean {
    if (this.#moved === undefined || !this.#nodes.takeMove(this.#moved)) return false;
    this.#moved = undefined;
    return true;
  }

  /** Forgets where it was: what was missed while the page did not run is of no interest. */
  #startAfresh(): void {
    this.#silence.freshen();
    this.#received.forget();
    this.#elsewhere.reset();
    // Networks take a moment to come back after sleep.
    this.#pauses.lost();
    if (this.#received.hadMedia) this.#show({ phase: 'reconnecting' });
    this.#setup.onFreshStart();
  }

  #finish(phase: FinalPhase, problem: CallError | undefined): void {
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
