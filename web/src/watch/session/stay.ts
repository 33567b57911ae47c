// One stay at one node: joins, continues after the last chunk when the link broke, probes silent links, and reports why
// the node must be left. The session chooses the next node.

import { asCallError, type CallError } from '../../protocol/error';
import type { StreamingData, StreamMoved, StreamStateChanged } from '../../protocol/event';
import type { NodeAddress, StreamId } from '../../protocol/stream';
import type { ViewerConnection } from '../../transport/viewer';
import type { Wake } from '../../transport/wake';
import type { Admission } from './admission';
import type { Elsewhere } from './elsewhere';
import type { GrantRenewal } from './grant-renewal';
import type { NodeClock } from './node-clock';
import type { NodeList } from './node-list';
import type { Pauses } from './pauses';
import type { Received } from './received';
import type { WatchSetup, WatchTiming } from './setup';
import type { Silence } from './silence';
import type { FinalPhase, WatchState } from './state';

/** Losing a node after a longer stay than this is no failure. */
export const SERVED_WELL_MS = 5_000;
/** How often a quiet stay checks. */
const LOOK_MS = 300;
/** How often in a row a link may break soon after joining before the node counts as lost. */
const MOST_BREAKS = 3;

/** Errors of a silent or unreachable node. */
const OUT_OF_REACH: readonly string[] = ['unreachable', 'timeout'];

/**
 * Why a stay ended: the working node was `lost`; the node `refused` or was never reached; it no longer accepts the
 * `grant`; it `moved` the viewer to others; or its data is `stale` because this page did not run for a while.
 */
export type End = 'lost' | 'refused' | 'grant' | 'moved' | 'stale' | 'closed';

/** The parts shared by all stays of one session. */
export interface StayParts {
  readonly setup: WatchSetup;
  readonly timing: WatchTiming;
  readonly now: () => number;
  readonly wake: Wake;
  readonly nodes: NodeList;
  readonly received: Received;
  readonly silence: Silence;
  readonly admission: Admission;
  readonly clock: NodeClock;
  readonly elsewhere: Elsewhere;
  readonly pauses: Pauses;
  readonly renewal: GrantRenewal;
}

/** Callbacks of a stay into its session. */
export interface StayOwner {
  state: () => WatchState;
  isClosed: () => boolean;
  /** The node works: the previous one is no longer needed. */
  serves: () => void;
  /** The node reports the state of the stream. */
  stateChanged: (change: StreamStateChanged, node: NodeAddress) => void;
  show: (change: Partial<WatchState>) => void;
  finish: (phase: FinalPhase, problem: CallError | undefined) => void;
}

/** The viewer's connection to one node, from connecting to leaving. */
export class Stay {
  readonly #parts: StayParts;
  readonly #owner: StayOwner;
  readonly #node: NodeAddress;
  readonly #connection: ViewerConnection;
  readonly #forget: (() => void)[];
  #moved: readonly NodeAddress[] | undefined;
  /** Whether the node stopped carrying the stream, which has not ended. */
  #dropped = false;

  constructor(parts: StayParts, owner: StayOwner, node: NodeAddress) {
    this.#parts = parts;
    this.#owner = owner;
    this.#node = node;
    const connection = parts.setup.connect(node.public_url);
    this.#connection = connection;
    this.#forget = [
      connection.onLink(() => parts.wake.ring()),
      connection.on('streaming_data', (data) => this.#receive(data)),
      connection.on('stream_state', (change) => this.#stateChanged(change)),
      connection.on('stream_moved', (moved) => this.#move(moved)),
      connection.on('stream_dropped', ({ stream_id }) => this.#drop(stream_id)),
      connection.on('renew_grant', ({ stream_id }) => this.#renewalAsked(stream_id)),
    ];
    parts.clock.reset();
  }

  /** Sends the node a fresh grant. */
  renewed(grant: string): void {
    this.#connection.renew({ stream_id: this.#parts.setup.streamId, grant });
  }

  /** Closes the connection. */
  close(): void {
    this.#forget.forEach((stop) => stop());
    this.#connection.close();
  }

  /** Watches until the node must be left. A broken link may recover, but not again and again. */
  async run(): Promise<End> {
    const { timing, now, received } = this.#parts;
    let refusal = await this.#watch(timing.connectMs);
    for (let breaks = 0; refusal === undefined;) {
      const joinedAtMs = now();
      const end = await this.#follow();
      if (end !== 'link_down') return end;
      if (received.hadMedia) this.#owner.show({ phase: 'reconnecting' });
      breaks = now() - joinedAtMs > SERVED_WELL_MS ? 1 : breaks + 1;
      if (breaks >= MOST_BREAKS) return 'lost';
      refusal = await this.#watch(timing.sameNodeMs);
      if (refusal === 'refused') return 'lost';
    }
    return refusal;
  }

  /** Watches while the link is up. */
  async #follow(): Promise<End | 'link_down'> {
    const { timing, now, wake, nodes, received, silence, clock, elsewhere, renewal } = this.#parts;
    clock.look(this.#connection);
    while (!this.#owner.isClosed()) {
      if (this.#dropped) return 'lost';
      if (this.#isDown()) return 'link_down';
      if (this.#takeMove()) return 'moved';
      if (silence.isStale()) return 'stale';
      if (elsewhere.isDue(now())) {
        await this.#lookElsewhere();
        continue;
      }
      if (received.startsOver) {
        await this.#connection.leave();
        const again = await this.#watch(timing.connectMs);
        if (again !== undefined) return again === 'refused' ? 'lost' : again;
      }
      if (silence.forMs > timing.silentMs && !(await this.#probe())) {
        if (this.#isDown()) return 'link_down';
        if (silence.isStale()) return 'stale';
        nodes.died(this.#node, now());
        return 'lost';
      }
      clock.lookIfDue(this.#connection);
      renewal.renewIfDue();
      await wake.wait(LOOK_MS);
    }
    return 'closed';
  }

  /** Joins, or continues after the last chunk; undefined on success. */
  async #watch(waitMs: number): Promise<'refused' | 'grant' | undefined> {
    const { setup, now, nodes, received, silence } = this.#parts;
    received.joins();
    // Silence before joining is not the link's fault.
    silence.hear();
    setup.onBacklog();
    const before = this.#owner.state();
    const request = {
      stream_id: setup.streamId,
      ...(nodes.grant === undefined ? {} : { grant: nodes.grant }),
      ...(received.last ? { after: received.last } : {}),
      ...(setup.formats ? { format: setup.formats.join(',') } : {}),
    };
    try {
      const { mime } = await this.#connection.watch(request, waitMs);
      this.#joined(before, mime);
      return undefined;
    } catch (error) {
      const problem = asCallError(error);
      this.#owner.show({ problem });
      if (problem.code === 'unsupported_format') this.#owner.finish('unsupported', problem);
      if (OUT_OF_REACH.includes(problem.code)) nodes.died(this.#node, now());
      return problem.code === 'invalid_grant' ? 'grant' : 'refused';
    }
  }

  #joined(before: WatchState, mime: string | null): void {
    const { nodes, silence, pauses } = this.#parts;
    const node = this.#node.public_url;
    silence.hear();
    this.#owner.serves();
    pauses.serves();
    nodes.serves(this.#node);
    // A state that the node reported meanwhile is better than this guess.
    const state = this.#owner.state();
    const told = state !== before && state.node === node;
    const phase = told ? state.phase : mime === null ? 'waiting' : 'live';
    this.#owner.show({ phase, node, transport: this.#connection.transport, problem: undefined });
  }

  async #probe(): Promise<boolean> {
    try {
      await this.#parts.clock.probe(this.#connection);
      this.#parts.silence.hear();
      return true;
    } catch (error) {
      this.#owner.show({ problem: asCallError(error) });
      return false;
    }
  }

  #receive(data: StreamingData): void {
    const { setup, wake, received, silence } = this.#parts;
    // Data that waited while the page did not run is no longer live.
    if (silence.isStale()) {
      silence.markStale();
      wake.ring();
      return;
    }
    silence.hear();
    if (data.stream_id !== setup.streamId || !(data.data instanceof ArrayBuffer)) return;
    if (!received.isNew(data)) return;
    if (data.kind === 'media' && this.#owner.state().phase === 'waiting') this.#owner.show({ phase: 'live' });
    try {
      setup.onData(data);
    } catch (error) {
      this.#owner.finish('failed', asCallError(error));
    }
  }

  #stateChanged(change: StreamStateChanged): void {
    const { setup, silence } = this.#parts;
    if (!silence.isStale()) silence.hear();
    if (change.stream_id === setup.streamId) this.#owner.stateChanged(change, this.#node);
  }

  #move({ stream_id, nodes }: StreamMoved): void {
    if (stream_id !== this.#parts.setup.streamId || nodes.length === 0) return;
    this.#moved = nodes;
    this.#parts.wake.ring();
  }

  #drop(streamId: StreamId): void {
    if (streamId !== this.#parts.setup.streamId) return;
    this.#dropped = true;
    this.#parts.wake.ring();
  }

  #renewalAsked(streamId: StreamId): void {
    if (streamId !== this.#parts.setup.streamId) return;
    this.#parts.renewal.asked();
    this.#parts.wake.ring();
  }

  /** Asks the main server for the stream, because the node may not be able to reach the broadcaster's new node. */
  async #lookElsewhere(): Promise<void> {
    const { now, admission, elsewhere } = this.#parts;
    let problem: unknown;
    try {
      this.#moved = (await admission.askElsewhere(this.#node)) ?? this.#moved;
    } catch (error) {
      // For now the node's own knowledge is the best.
      problem = error;
    }
    if (this.#moved === undefined) elsewhere.asked(now(), problem);
    else elsewhere.reset();
  }

  #takeMove(): boolean {
    return this.#moved !== undefined && this.#parts.nodes.takeMove(this.#moved);
  }

  /** A method instead of a comparison, because the compiler assumes that the link does not change during an await. */
  #isDown(): boolean {
    return this.#connection.link !== 'up';
  }
}
