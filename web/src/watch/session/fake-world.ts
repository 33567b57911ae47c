// A main server and two nodes on a fake clock, for tests of watch sessions.

import { vi } from 'vitest';
import { CallError, type ErrorCode } from '../../protocol/error';
import type {
  ChunkName,
  ClockAnswer,
  ClockRequest,
  NodeEvents,
  Renew,
  StreamingData,
  Watching,
  WatchRequest,
} from '../../protocol/event';
import type { AskForNodes, StreamInfo, StreamState } from '../../protocol/stream';
import { ServerClock } from '../../transport/clock';
import type { LinkState } from '../../transport/connection';
import { Listeners } from '../../transport/listeners';
import type { ViewerConnection } from '../../transport/viewer';
import type { Format } from '../formats';
import { WatchSession } from './session';
import type { WatchPhase } from './state';

/** The watched stream. */
export const STREAM = '8811d3bae631e8b5e26212edaf3e41eb';

/** A node that viewers connect to: carries one stream, and answers unless deaf. */
export class FakeNode {
  up = true;
  deaf = false;
  refusals: ErrorCode[] = [];
  mime: string | null = 'video/webm;codecs="vp9,opus"';
  requests: WatchRequest[] = [];
  probes = 0;
  /** Fresh grants it received. */
  renewals: Renew[] = [];
  connections: FakeConnection[] = [];

  connect(): FakeConnection {
    const connection = new FakeConnection(this);
    this.connections.push(connection);
    return connection;
  }

  get serving(): number {
    return this.connections.filter((connection) => !connection.closed).length;
  }

  setUp(up: boolean): void {
    this.up = up;
    this.connections.forEach((connection) => connection.setLink(up ? 'up' : 'down'));
  }

  tell<E extends keyof NodeEvents>(event: E, payload: NodeEvents[E]): void {
    this.connections.forEach((connection) => connection.tell(event, payload));
  }

  chunk(take: number, group: number, index: number): void {
    this.tell('streaming_data', media({ take, group, index }));
  }

  state(state: StreamState, viewers = 1): void {
    this.tell('stream_state', { stream_id: STREAM, state, viewers });
  }

  watch(request: WatchRequest): Watching {
    const refusal = this.refusals.shift();
    if (refusal) throw new CallError(refusal, refusal);
    this.requests.push(request);
    return { mime: this.mime, take: 0, origin_time_ms: null, window_ms: 30_000 };
  }
}

/** A connection that is up as soon as the node is; with a node that is down it waits, as Socket.IO does. */
class FakeConnection implements ViewerConnection {
  readonly transport = 'ws';
  link: LinkState = 'down';
  closed = false;
  readonly #node: FakeNode;
  readonly #listeners = new Listeners();

  constructor(node: FakeNode) {
    this.#node = node;
    setTimeout(() => this.setLink(node.up ? 'up' : 'down'), 5);
  }

  async watch(request: WatchRequest, timeoutMs: number): Promise<Watching> {
    for (let waited = 0; this.link === 'down' && !this.closed && waited < timeoutMs; waited += 10) await sleep(10);
    return await this.#answer(timeoutMs, () => this.#node.watch(request));
  }

  async leave(): Promise<void> {
    await sleep(2);
  }

  renew(request: Renew): void {
    this.#node.renewals.push(request);
  }

  async clock(request: ClockRequest, timeoutMs = 5_000): Promise<ClockAnswer> {
    return await this.#answer(timeoutMs, () => {
      this.#node.probes++;
      return { ...request, t1_ms: Date.now(), t2_ms: Date.now() };
    });
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    return this.#listeners.onLink(listener);
  }

  tell<E extends keyof NodeEvents>(event: E, payload: NodeEvents[E]): void {
    if (!this.closed && this.link === 'up') this.#listeners.tell(event, payload);
  }

  setLink(link: LinkState): void {
    if (this.closed || this.link === link) return;
    this.link = link;
    this.#listeners.tellLink(link);
  }

  close(): void {
    this.closed = true;
  }

  async #answer<T>(timeoutMs: number, answer: () => T): Promise<T> {
    await sleep(this.#node.deaf ? timeoutMs : 2);
    if (this.link === 'down') throw new CallError('unreachable', 'down');
    if (this.#node.deaf) throw new CallError('timeout', 'no answer');
    return answer();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The chunk with this name. */
export function media(name: ChunkName): StreamingData {
  return {
    ...name,
    stream_id: STREAM,
    kind: 'media',
    key: name.index === 0,
    pts_ms: 0,
    duration_ms: 0,
    data: new ArrayBuffer(1),
  };
}

/** The init segment of a take. */
export function initOf(take: number): StreamingData {
  const mime = 'video/webm;codecs="vp9,opus"';
  return { stream_id: STREAM, kind: 'init', take, mime, origin_time_ms: null, data: new ArrayBuffer(1) };
}

interface Options {
  passphrase?: string;
  invitation?: string;
  region?: string;
  formats?: Format[];
  retryAfterMs?: number;
  /** An error that the main server answers instead of nodes. */
  mainServer?: ErrorCode | 'unreachable';
  /** Its answer to a request with an invitation. */
  invited?: { code: ErrorCode; reason: string };
  /** The stream's state at the main server; null if it knows no such stream. */
  info?: StreamState | null;
  hidden?: boolean;
  /** Lifetime of grants; older main servers do not tell. */
  expiresInS?: number;
}

/** The surroundings of a session, and its reports. */
export interface World {
  mainServer: Options['mainServer'];
  /** The first node in answers; the main server knows where the stream is live. */
  first: string;
  asked: AskForNodes[];
  /** The grants that were renewed. */
  renewedFrom: string[];
  phases: WatchPhase[];
  heard: string[];
  backlogs: number;
  freshStarts: number;
  /** Whether the page is hidden. */
  hidden: boolean;
  /** Number of requests about the stream to the main server. */
  described: number;
  /** How long the computer slept: the monotonic clock stood still. */
  sleptMs: number;
  /** Whether the player accepts media. */
  takes: boolean;
}

/** A session between a main server and nodes `/a` and `/b`; the main server lists avoided nodes last. */
export function watch({
  passphrase,
  invitation,
  region,
  formats,
  mainServer,
  invited,
  retryAfterMs = 0,
  info = 'live',
  hidden = false,
  expiresInS,
}: Options = {}): { session: WatchSession; a: FakeNode; b: FakeNode; asked: AskForNodes[]; world: World } {
  const a = new FakeNode();
  const b = new FakeNode();
  const world: World = {
    mainServer,
    first: '/a',
    asked: [],
    renewedFrom: [],
    phases: [],
    heard: [],
    backlogs: 0,
    freshStarts: 0,
    hidden,
    described: 0,
    sleptMs: 0,
    takes: true,
  };
  const session = new WatchSession({
    streamId: STREAM,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(invitation === undefined ? {} : { invitation }),
    ...(region === undefined ? {} : { region }),
    ...(formats === undefined ? {} : { formats }),
    clock: new ServerClock(() => Date.now()),
    now: () => Date.now(),
    connect: (url) => (url === '/a' ? a : b).connect(),
    askForNodes: (ask) => {
      world.asked.push(ask);
      if (invited && ask.invitation !== undefined) {
        return Promise.reject(new CallError(invited.code, invited.code, { reason: invited.reason }));
      }
      if (world.mainServer) {
        return Promise.reject(new CallError(world.mainServer, world.mainServer, { retryAfterMs }));
      }
      const nodes = world.first === '/a' ? ['/a', '/b'] : ['/b', '/a'];
      const urls = nodes.sort((x, y) => Number(ask.avoid?.includes(x)) - Number(ask.avoid?.includes(y)));
      const grant = `grant ${world.asked.length}`;
      const nodesOf = urls.map((public_url) => ({ public_url }));
      return Promise.resolve({
        grant,
        nodes: nodesOf,
        ...(expiresInS === undefined ? {} : { expires_in_s: expiresInS }),
      });
    },
    renewGrant: (grant) => {
      world.renewedFrom.push(grant);
      if (world.mainServer) return Promise.reject(new CallError(world.mainServer, world.mainServer));
      return Promise.resolve({ grant: `renewal ${world.renewedFrom.length}`, expires_in_s: expiresInS ?? 3600 });
    },
    describe: () => {
      world.described++;
      return info
        ? Promise.resolve({ state: info } as StreamInfo)
        : Promise.reject(new CallError('unknown_stream', 'no such stream'));
    },
    onState: ({ phase }) => {
      if (world.phases.at(-1) !== phase) world.phases.push(phase);
    },
    onData: (data) => {
      if (!world.takes) throw new DOMException('no SourceBuffer', 'QuotaExceededError');
      world.heard.push(data.kind === 'init' ? `init ${data.take}` : `${data.take}.${data.group}.${data.index}`);
    },
    onBacklog: () => world.backlogs++,
    onFreshStart: () => world.freshStarts++,
    hidden: () => world.hidden,
    wallNow: () => Date.now() + world.sleptMs,
  });
  return { session, a, b, asked: world.asked, world };
}

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
