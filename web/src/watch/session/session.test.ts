// What a watch session promises: media in order and without repeats, on the same node when it comes back, on another
// when it does not, and a state that says what a person needs to know.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError, type ErrorCode } from '../../protocol/error';
import type {
  ChunkName,
  ClockAnswer,
  ClockRequest,
  NodeEvents,
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

const STREAM = '8811d3bae631e8b5e26212edaf3e41eb';

/** A node as a viewer sees it: carries one stream, answers unless deaf. */
class FakeNode {
  up = true;
  deaf = false;
  refusals: ErrorCode[] = [];
  mime: string | null = 'video/webm;codecs="vp9,opus"';
  requests: WatchRequest[] = [];
  probes = 0;
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

/** Connected as soon as the node is up; with a node that is down it waits, as Socket.IO does. */
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

function media(name: ChunkName): StreamingData {
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

function initOf(take: number): StreamingData {
  const mime = 'video/webm;codecs="vp9,opus"';
  return { stream_id: STREAM, kind: 'init', take, mime, origin_time_ms: null, data: new ArrayBuffer(1) };
}

interface Options {
  passphrase?: string;
  region?: string;
  formats?: Format[];
  retryAfterMs?: number;
  /** What the main server answers instead of nodes. */
  mainServer?: ErrorCode | 'unreachable';
  /** What it knows of the stream; null when it knows none. */
  info?: StreamState | null;
  hidden?: boolean;
}

/** A session between a main server and nodes `/a` and `/b`; the main server puts avoided ones last. */
function watch({
  passphrase,
  region,
  formats,
  mainServer,
  retryAfterMs = 0,
  info = 'live',
  hidden = false,
}: Options = {}) {
  const a = new FakeNode();
  const b = new FakeNode();
  const world = {
    mainServer,
    /** First choice; the main server knows where the stream is live. */
    first: '/a',
    asked: [] as AskForNodes[],
    phases: [] as WatchPhase[],
    heard: [] as string[],
    backlogs: 0,
    freshStarts: 0,
    /** The page is hidden. */
    hidden,
    /** Questions about the stream, to the main server. */
    described: 0,
    /** How long the computer slept: the monotonic clock stood still. */
    sleptMs: 0,
    /** Whether the player takes media. */
    takes: true,
  };
  const session = new WatchSession({
    streamId: STREAM,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(region === undefined ? {} : { region }),
    ...(formats === undefined ? {} : { formats }),
    clock: new ServerClock(() => Date.now()),
    now: () => Date.now(),
    connect: (url) => (url === '/a' ? a : b).connect(),
    askForNodes: (ask) => {
      world.asked.push(ask);
      if (world.mainServer) {
        return Promise.reject(new CallError(world.mainServer, world.mainServer, { retryAfterMs }));
      }
      const nodes = world.first === '/a' ? ['/a', '/b'] : ['/b', '/a'];
      const urls = nodes.sort((x, y) => Number(ask.avoid?.includes(x)) - Number(ask.avoid?.includes(y)));
      const grant = `grant ${world.asked.length}`;
      return Promise.resolve({ grant, nodes: urls.map((public_url) => ({ public_url })) });
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

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('WatchSession', () => {
  it('ends in a state that says so when its own code fails, instead of looking for nodes for ever', async () => {
    const { session, a, world } = watch();
    a.connect = () => {
      throw new TypeError('storage is blocked');
    };
    await pass(60_000);
    expect(session.state.phase).toBe('failed');
    expect(world.phases).toEqual(['failed']);
    expect(world.asked).toHaveLength(1);
  });

  it('ends in a state that says so when the player cannot take what the node sent', async () => {
    const { session, a, world } = watch();
    await pass(50);
    world.takes = false;
    a.tell('streaming_data', initOf(0));
    expect(session.state).toMatchObject({ phase: 'failed', problem: { message: 'no SourceBuffer' } });
    expect(a.serving).toBe(0);
  });

  it('joins with the grant and hands on what the node sends', async () => {
    const { session, a, world } = watch();
    await pass(50);
    expect(a.requests).toEqual([{ stream_id: STREAM, grant: 'grant 1' }]);
    a.tell('streaming_data', initOf(0));
    a.chunk(0, 4, 0);
    a.chunk(0, 4, 1);
    expect(world.heard).toEqual(['init 0', '0.4.0', '0.4.1']);
    expect(session.state).toMatchObject({ phase: 'live', node: '/a' });
    session.close();
  });

  it('asks for the formats that can be played, and says so where the stream comes in none of them', async () => {
    const { session, a, b } = watch({ formats: ['mp4', 'frames'] });
    await pass(50);
    expect(a.requests).toMatchObject([{ format: 'mp4,frames' }]);
    // A later take may come in none of them: the node says so, and the link is down.
    a.refusals = ['unsupported_format'];
    a.setUp(false);
    await pass(100);
    a.setUp(true);
    await pass(5_000);
    expect(session.state).toMatchObject({ phase: 'unsupported', problem: { code: 'unsupported_format' } });
    expect([a.serving, b.requests]).toEqual([0, []]);
  });

  it('waits for a broadcaster who has not begun', async () => {
    const { session, a, world } = watch();
    a.mime = null;
    await pass(50);
    expect(session.state.phase).toBe('waiting');
    a.tell('streaming_data', initOf(0));
    a.chunk(0, 0, 0);
    expect(world.phases).toEqual(['connecting', 'waiting', 'live'].slice(1));
    session.close();
  });

  it('goes on after its last chunk when the same node comes back', async () => {
    const { session, a, b, world } = watch();
    await pass(50);
    a.chunk(0, 4, 2);
    a.setUp(false);
    await pass(300);
    expect(session.state.phase).toBe('reconnecting');
    a.setUp(true);
    await pass(50);
    expect(a.requests[1]).toMatchObject({ after: { take: 0, group: 4, index: 2 } });
    expect(b.requests).toEqual([]);
    expect(session.state.phase).toBe('live');
    expect(world.backlogs).toBe(2);
    session.close();
  });

  it('moves to the next node, after its last chunk, when the first stays away', async () => {
    const { session, a, b, asked } = watch();
    await pass(6_000);
    a.chunk(1, 7, 0);
    a.setUp(false);
    await pass(1_500);
    expect(asked[1]).toEqual({ avoid: ['/a'] });
    expect(b.requests).toEqual([{ stream_id: STREAM, grant: 'grant 2', after: { take: 1, group: 7, index: 0 } }]);
    expect(a.serving).toBe(0);
    session.close();
  });

  it('goes on at the next node, after its last chunk, when a node drops the stream', async () => {
    const { session, a, b, asked, world } = watch();
    await pass(50);
    a.chunk(1, 7, 0);
    a.tell('stream_dropped', { stream_id: 'of another stream' });
    await pass(50);
    expect(a.serving).toBe(1);
    // As over Socket.IO, where clients that do not know the second word have to be told something.
    a.state('interrupted');
    a.tell('stream_dropped', { stream_id: STREAM });
    await pass(500);
    expect(asked[1]).toEqual({ avoid: ['/a'] });
    expect(b.requests).toEqual([{ stream_id: STREAM, grant: 'grant 2', after: { take: 1, group: 7, index: 0 } }]);
    expect([a.serving, b.serving]).toEqual([0, 1]);
    expect(session.state).toMatchObject({ phase: 'live', node: '/b' });
    expect(world.phases).not.toContain('ended');
    session.close();
  });

  it('follows a broadcaster who went to another node', async () => {
    const { session, a, b, world } = watch();
    await pass(50);
    a.chunk(0, 4, 2);
    a.state('interrupted');
    await pass(5_000);
    expect(session.state).toMatchObject({ phase: 'interrupted', node: '/a' });
    world.first = '/b';
    await pass(12_000);
    expect(b.requests).toMatchObject([{ after: { take: 0, group: 4, index: 2 } }]);
    expect(session.state).toMatchObject({ phase: 'live', node: '/b' });
    expect(a.serving).toBe(0);
    session.close();
  });

  it('uses a standby when the main server is gone as well', async () => {
    const { session, a, b, world } = watch();
    await pass(6_000);
    a.chunk(0, 0, 0);
    world.mainServer = 'unreachable';
    a.setUp(false);
    await pass(2_000);
    expect(b.requests).toHaveLength(1);
    session.close();
  });

  it('drops what it already has', async () => {
    const { session, a, world } = watch();
    await pass(50);
    for (const [group, index] of [
      [0, 0],
      [0, 1],
      [0, 0],
      [0, 1],
      [1, 0],
    ] as const)
      a.chunk(0, group, index);
    expect(world.heard).toEqual(['0.0.0', '0.0.1', '0.1.0']);
    session.close();
  });

  it('leaves a node that is silent and does not answer, but not one that is only silent', async () => {
    const { session, a, b } = watch();
    await pass(20_000);
    expect(a.probes).toBeGreaterThan(5);
    expect(b.requests).toEqual([]);
    a.deaf = true;
    await pass(4_000);
    expect(b.requests).toHaveLength(1);
    session.close();
  });

  it('watches at the new node before it leaves the one that sends it away', async () => {
    const { session, a, b, world } = watch();
    await pass(50);
    a.chunk(0, 0, 0);
    a.tell('stream_moved', { stream_id: STREAM, nodes: [{ public_url: '/b' }] });
    await pass(1);
    a.chunk(0, 0, 1);
    expect(a.serving).toBe(1);
    await pass(100);
    b.chunk(0, 0, 1);
    b.chunk(0, 0, 2);
    expect(world.heard).toEqual(['0.0.0', '0.0.1', '0.0.2']);
    expect([a.serving, b.serving]).toEqual([0, 1]);
    session.close();
  });

  it('gets a new grant when the old one has expired', async () => {
    const { session, a, asked } = watch();
    a.refusals = ['invalid_grant'];
    await pass(1_000);
    expect(asked).toEqual([{}, {}]);
    expect(a.requests).toEqual([{ stream_id: STREAM, grant: 'grant 2' }]);
    session.close();
  });

  it.each(['no_capacity', 'limit_reached', 'unknown_stream'] as const)(
    'goes to the next node of its list after %s, and asks for others when all refused',
    async (code) => {
      const { session, a, b, asked } = watch();
      a.refusals = [code];
      b.refusals = [code];
      await pass(60);
      expect(asked).toEqual([{}]);
      expect([a.refusals, b.refusals]).toEqual([[], []]);
      await pass(1_000);
      expect(asked).toEqual([{}, { avoid: ['/a', '/b'] }]);
      expect(session.state).toMatchObject({ phase: 'live', node: '/a' });
      session.close();
    },
  );

  it('stays calm while every node is full, and says so', async () => {
    const { session, asked, world } = watch({ mainServer: 'no_capacity', retryAfterMs: 2_000 });
    await pass(1_900);
    expect(asked).toHaveLength(1);
    expect(session.state).toMatchObject({ phase: 'busy', problem: { code: 'no_capacity' } });
    expect(session.state.retryAtMs).toBeGreaterThan(Date.now());
    await pass(120_000);
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.length).toBeLessThan(30);
    world.mainServer = undefined;
    await pass(20_000);
    expect(session.state).toMatchObject({ phase: 'live', problem: undefined, retryAtMs: undefined });
    session.close();
  });

  it('waits for a store that is away, and goes on at a standby meanwhile if it was watching', async () => {
    const { session, world } = watch({ mainServer: 'store_unavailable' });
    await pass(50);
    expect(session.state).toMatchObject({ phase: 'busy', problem: { code: 'store_unavailable' } });
    world.mainServer = undefined;
    await pass(5_000);
    expect(session.state.phase).toBe('live');
    session.close();

    const second = watch();
    await pass(6_000);
    second.a.chunk(0, 0, 0);
    second.world.mainServer = 'store_unavailable';
    second.a.setUp(false);
    await pass(2_000);
    expect(second.b.requests).toMatchObject([{ after: { take: 0, group: 0, index: 0 } }]);
    second.session.close();
  });

  it('does not go back to a dead node, and looks again soon, while the stream is on its way to another', async () => {
    const { session, a, b, world } = watch();
    await pass(6_000);
    a.chunk(0, 4, 2);
    b.refusals = ['unknown_stream', 'unknown_stream', 'unknown_stream'];
    a.setUp(false);
    const joinsBefore = a.connections.length;
    await pass(2_800);
    expect(a.connections).toHaveLength(joinsBefore);
    expect(b.requests).toMatchObject([{ after: { take: 0, group: 4, index: 2 } }]);
    expect(world.asked).toHaveLength(5);
    expect(world.asked.slice(1).every(({ avoid }) => avoid?.includes('/a'))).toBe(true);
    session.close();
  });

  it('leaves a node whose link breaks again and again', async () => {
    const { session, a, b } = watch();
    await pass(50);
    for (let breaks = 0; breaks < 3; breaks++) {
      a.setUp(false);
      await pass(50);
      a.setUp(true);
      await pass(400);
    }
    await pass(1_000);
    expect(a.requests).toHaveLength(3);
    expect(b.requests).toHaveLength(1);
    session.close();
  });

  it('asks for its region, every time', async () => {
    const { session, a, asked } = watch({ region: 'eu' });
    a.refusals = ['invalid_grant'];
    await pass(1_000);
    expect(asked).toEqual([{ region: 'eu' }, { region: 'eu' }]);
    session.close();
  });

  it('shows what the broadcaster does', async () => {
    const { session, a, world } = watch();
    await pass(50);
    a.state('interrupted', 3);
    expect(session.state).toMatchObject({ phase: 'interrupted', viewers: 3 });
    a.state('live', 4);
    a.state('ended', 0);
    expect(world.phases).toEqual(['live', 'interrupted', 'live', 'ended']);
    expect(a.serving).toBe(0);
    session.close();
  });

  it('tells a stream that is over from one that never was', async () => {
    for (const [info, phase] of [
      ['ended', 'ended'],
      [null, 'not_found'],
    ] as const) {
      const { session } = watch({ mainServer: 'unknown_stream', info });
      await pass(50);
      expect(session.state.phase).toBe(phase);
    }
  });

  it('asks for a passphrase, and sends the one it has', async () => {
    const { session, asked } = watch({ passphrase: 'boo', mainServer: 'wrong_passphrase' });
    await pass(50);
    expect(asked).toEqual([{ passphrase: 'boo' }]);
    expect(session.state.phase).toBe('locked');
  });

  it('keeps asking, ever more slowly, while no node is free', async () => {
    const { session, a, asked, world } = watch({ mainServer: 'no_node_available' });
    await pass(30_000);
    expect(session.state.phase).toBe('busy');
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(25);
    world.mainServer = undefined;
    await pass(15_000);
    expect(a.requests).toHaveLength(1);
    session.close();
  });

  it('waits for a stream that has not begun, and blames no node for it', async () => {
    const { session, a, asked } = watch({ info: 'created' });
    a.refusals = ['no_node_available', 'no_node_available', 'no_node_available'];
    await pass(200);
    expect(session.state).toMatchObject({ phase: 'waiting', problem: undefined });
    await pass(2_000);
    expect(a.requests).toHaveLength(1);
    expect(asked.every(({ avoid }) => avoid === undefined)).toBe(true);
    session.close();
  });

  it('leaves a node that cannot get a stream which others have', async () => {
    const { session, a, b, asked } = watch({ info: 'live' });
    a.refusals = ['no_node_available'];
    await pass(1_000);
    expect([a.requests.length, b.requests.length]).toEqual([0, 1]);
    expect(asked).toHaveLength(1);
    session.close();
  });

  it('starts over at the newest keyframe when told that its media is useless', async () => {
    const { session, a, world } = watch();
    await pass(50);
    a.chunk(0, 3, 1);
    session.rejoin();
    await pass(50);
    expect(a.requests[1]).toEqual({ stream_id: STREAM, grant: 'grant 1' });
    a.chunk(0, 3, 0);
    expect(world.heard).toEqual(['0.3.1', '0.3.0']);
    session.close();
  });

  it('asks the main server nothing while it watches, and nothing after the end', async () => {
    const { session, a, world } = watch();
    await pass(50);
    for (let second = 0; second < 3_600; second++) {
      a.chunk(0, second, 0);
      a.state('live', second);
      await pass(1_000);
    }
    expect([world.asked.length, world.described]).toEqual([1, 0]);
    a.state('ended', 0);
    await pass(3_600_000);
    expect([world.asked.length, world.described]).toEqual([1, 0]);
    expect(a.serving).toBe(0);
    session.close();
  });

  it('asks seldom, and not in step with others, where an interrupted stream went', async () => {
    const viewers = Array.from({ length: 12 }, () => watch());
    await pass(50);
    viewers.forEach(({ a }) => {
      a.chunk(0, 4, 2);
      a.state('interrupted');
    });
    const asked = (): number => viewers.reduce((sum, { world }) => sum + world.asked.length - 1, 0);
    await pass(2_900);
    expect(asked()).toBe(0);
    await pass(1_600);
    expect(asked()).toBeGreaterThan(0);
    expect(asked()).toBeLessThan(12);
    await pass(20_500);
    expect(asked()).toBeLessThanOrEqual(36);
    viewers.forEach(({ session }) => session.close());
  });

  it('never asks before Retry-After, not even just after it lost its node', async () => {
    const { session, a, b, world } = watch({ retryAfterMs: 9_000 });
    await pass(6_000);
    a.chunk(0, 4, 2);
    world.mainServer = 'no_capacity';
    b.refusals = ['no_capacity'];
    a.setUp(false);
    await pass(1_500);
    expect(world.asked).toHaveLength(2);
    await pass(8_000);
    expect(world.asked).toHaveLength(2);
    await pass(6_000);
    expect(world.asked).toHaveLength(3);
    session.close();
  });

  it.each([
    ['ended', 'ended'],
    ['interrupted', 'interrupted'],
    ['created', 'waiting'],
    ['live', 'busy'],
  ] as const)('says what is true of a stream that no node has: %s is shown as %s', async (info, phase) => {
    const { session, world } = watch({ mainServer: 'no_node_available', info });
    await pass(50);
    expect(session.state.phase).toBe(phase);
    expect(world.phases).not.toContain(phase === 'busy' ? 'ended' : 'busy');
    await pass(60_000);
    expect(world.described).toBeLessThanOrEqual(7);
    session.close();
  });

  it('does not insist while the page is hidden and nothing was shown, and goes on once it is seen', async () => {
    const { session, a, world } = watch({ mainServer: 'no_capacity', hidden: true });
    await pass(3_600_000);
    expect(world.asked).toHaveLength(1);
    world.mainServer = undefined;
    world.hidden = false;
    session.look();
    await pass(50);
    expect(a.requests).toHaveLength(1);
    session.close();
  });

  it('tries at once when the network is back', async () => {
    const { session, a, world } = watch({ mainServer: 'unreachable' });
    await pass(60_000);
    world.mainServer = undefined;
    session.hurry();
    await pass(50);
    expect(a.requests).toHaveLength(1);
    session.close();
  });

  it('joins anew at the live edge, over a new connection, after the page was frozen', async () => {
    const { session, a, b, asked, world } = watch();
    await pass(50);
    a.chunk(0, 4, 2);
    // The page does not run; what came meanwhile is handed over when it does.
    vi.setSystemTime(Date.now() + 60_000);
    a.chunk(0, 5, 0);
    a.chunk(0, 5, 1);
    await pass(400);
    expect(world.heard).toEqual(['0.4.2']);
    expect(a.requests).toEqual([
      { stream_id: STREAM, grant: 'grant 1' },
      { stream_id: STREAM, grant: 'grant 1' },
    ]);
    expect([a.serving, a.connections.length, b.requests.length, asked.length]).toEqual([1, 2, 0, 1]);
    expect(world.freshStarts).toBe(1);
    a.chunk(0, 64, 0);
    expect(world.heard).toEqual(['0.4.2', '0.64.0']);
    expect(session.state.phase).toBe('live');
    session.close();
  });

  it('joins anew after the computer slept, which only the wall clock shows', async () => {
    const { session, a, world } = watch();
    await pass(50);
    a.chunk(0, 4, 2);
    world.sleptMs = 3_600_000;
    session.look();
    await pass(50);
    expect(a.connections).toHaveLength(2);
    expect(world.freshStarts).toBe(1);
    await pass(10_000);
    expect(a.connections).toHaveLength(2);
    session.close();
  });
});
