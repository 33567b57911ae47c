// What a publisher promises: every segment reaches the node in use, in order and once; when a node dies the next one
// continues; when nothing can be continued a new take is asked for; and it never does any of this too fast.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError, type ErrorCode } from '../protocol/error';
import type { BroadcastData, NodeCalls, NodeEvents, RegisterNewStream } from '../protocol/event';
import type { Assignment } from '../protocol/stream';
import type { LinkState, NodeConnection } from '../transport/connection';
import { Publisher, type PublisherState } from './publisher';

const MIME = 'video/webm;codecs=vp9,opus';

/** A node as a broadcaster sees it. Takes everything, until a test says otherwise. */
class FakeNode {
  up = true;
  registrations: RegisterNewStream[] = [];
  received: string[] = [];
  captured: (number | undefined)[] = [];
  nextSegment = 0;
  /** Refuses the next registrations or segments with these codes, one each. */
  refuseRegister: ErrorCode[] = [];
  refuseData: ErrorCode[] = [];
  deaf = false;
  /** The connection breaks on larger segments, and comes back. */
  breaksBeyond = Infinity;
  /** Segments as they were sent, however that went. */
  sent: { name: string; bytes: number }[] = [];
  ended = false;
  connections: FakeConnection[] = [];

  connect(): FakeConnection {
    const connection = new FakeConnection(this);
    this.connections.push(connection);
    return connection;
  }

  die(): void {
    this.up = false;
    this.connections.forEach((connection) => connection.setLink('down'));
  }

  revive(): void {
    this.up = true;
    this.connections.forEach((connection) => connection.setLink('up'));
  }

  tell<E extends keyof NodeEvents>(event: E, payload: NodeEvents[E]): void {
    this.connections.at(-1)?.heard.get(event)?.(payload);
  }

  register(payload: RegisterNewStream) {
    const refusal = this.refuseRegister.shift();
    if (refusal) throw new CallError(refusal, refusal);
    this.registrations.push(payload);
    const next_segment = payload.resume === undefined ? this.nextSegment : Number(payload.resume) + 1;
    return { next_segment, viewers: 2 };
  }

  take({ take, seq, captured_at_ms }: BroadcastData) {
    const refusal = this.refuseData.shift();
    if (refusal) throw new CallError(refusal, refusal);
    this.received.push(`${take}.${seq}`);
    this.captured.push(captured_at_ms);
    return { have: { take, seq }, resume: String(seq) };
  }
}

class FakeConnection implements NodeConnection {
  readonly transport = 'socketio';
  link: LinkState = 'down';
  closed = false;
  readonly heard = new Map<string, (payload: unknown) => void>();
  readonly #linkListeners = new Set<(link: LinkState) => void>();

  constructor(readonly node: FakeNode) {
    setTimeout(() => this.setLink(node.up ? 'up' : 'down'), 5);
  }

  async call<E extends keyof NodeCalls>(
    event: E,
    payload: NodeCalls[E][0],
    timeoutMs = 5000,
  ): Promise<NodeCalls[E][1]> {
    if (event === 'broadcast_data') this.#send(payload as BroadcastData);
    await new Promise((resolve) => setTimeout(resolve, this.node.deaf ? timeoutMs : 2));
    if (this.node.deaf) throw new CallError('timeout', 'no answer');
    if (this.link === 'down') throw new CallError('unreachable', 'link is down');
    return this.#answer(event, payload);
  }

  #send({ take, seq, segment }: BroadcastData): void {
    this.node.sent.push({ name: `${take}.${seq}`, bytes: segment.byteLength });
    if (segment.byteLength <= this.node.breaksBeyond) return;
    setTimeout(() => this.node.die(), 1);
    setTimeout(() => this.node.revive(), 20);
  }

  #answer(event: keyof NodeCalls, payload: object): object {
    if (event === 'register_new_stream') return this.node.register(payload as RegisterNewStream);
    if (event === 'broadcast_data') return this.node.take(payload as BroadcastData);
    if (event === 'end_stream') this.node.ended = true;
    if (event === 'clock') return { ...payload, t1_ms: Date.now() + 5000, t2_ms: Date.now() + 5000 };
    return {};
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    this.heard.set(event, listener as (payload: unknown) => void);
    return () => this.heard.delete(event);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    this.#linkListeners.add(listener);
    return () => this.#linkListeners.delete(listener);
  }

  setLink(link: LinkState): void {
    if (this.closed || link === this.link) return;
    this.link = link;
    this.#linkListeners.forEach((listener) => listener(link));
  }

  close(): void {
    this.closed = true;
    this.link = 'down';
  }
}

function start() {
  const nodes = { '/a': new FakeNode(), '/b': new FakeNode() };
  const states: PublisherState[] = [];
  const takesWanted: string[] = [];
  const asked: string[][] = [];
  const grantsShown: string[] = [];
  const grantsKept: string[] = [];
  const world = {
    answer: (): Assignment => ({ grant: 'fresh', nodes: [{ public_url: '/b' }, { public_url: '/a' }] }),
  };
  const publisher = new Publisher({
    streamId: 'abc',
    assignment: { grant: 'first', nodes: [{ public_url: '/a' }, { public_url: '/b' }] },
    connect: (url) => nodes[url as keyof typeof nodes].connect(),
    askForNodes: (grant, { avoid }) => {
      grantsShown.push(grant);
      asked.push(avoid ?? []);
      return Promise.resolve().then(() => world.answer());
    },
    onState: (state) => states.push(state),
    onAssignment: ({ grant }) => grantsKept.push(grant),
    needTake: ({ code }) => takesWanted.push(code),
    now: () => Date.now(),
  });
  const push = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      publisher.push(new ArrayBuffer(10), Date.now());
      await vi.advanceTimersByTimeAsync(100);
    }
  };
  return {
    publisher,
    a: nodes['/a'],
    b: nodes['/b'],
    states,
    takesWanted,
    asked,
    grantsShown,
    grantsKept,
    world,
    push,
  };
}

const names = (take: number, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${take}.${from + i}`);

describe('Publisher', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('registers the take, then sends every segment once and in order', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    expect(a.registrations).toEqual([{ stream_id: 'abc', grant: 'first', mime: MIME, take: 1 }]);
    expect(a.received).toEqual(names(1, 0, 5));
    expect(publisher.state).toMatchObject({ phase: 'live', viewers: 2, behindMs: 0 });
  });

  it('sends what was recorded before the node could be reached', async () => {
    const { publisher, a } = start();
    publisher.startTake(1, MIME);
    for (let i = 0; i < 3; i++) publisher.push(new ArrayBuffer(10), Date.now());
    await vi.advanceTimersByTimeAsync(100);
    expect(a.received).toEqual(names(1, 0, 3));
  });

  it("tells capture times by the node's clock", async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(3);
    const before = Date.now();
    await push(1);
    // Half a round trip is what the clock may be wrong by; here that is 1 ms.
    expect(Math.abs((a.captured.at(-1) ?? NaN) - before - 5000)).toBeLessThanOrEqual(1);
  });

  it('registers the same take again when the link comes back, and sends only what the node lacks', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    a.connections[0]?.setLink('down');
    await push(2);
    expect(publisher.state.phase).toBe('reconnecting');
    a.refuseRegister = [];
    a.nextSegment = 5;
    a.register = function (payload) {
      this.registrations.push(payload);
      return { next_segment: 5, viewers: 0 };
    };
    a.connections[0]?.setLink('up');
    await push(1);
    expect(a.received).toEqual(names(1, 0, 8));
    expect(a.connections).toHaveLength(1);
    expect(publisher.state.phase).toBe('live');
  });

  it('goes to another node when one dies, and lets it continue from an earlier state', async () => {
    const { publisher, a, b, asked, push } = start();
    publisher.startTake(1, MIME);
    await push(100);
    a.die();
    await push(40);
    expect(asked).toEqual([['/a']]);
    expect(b.registrations[0]).toMatchObject({ take: 1, grant: 'fresh' });
    const resumed = Number(b.registrations[0]?.resume);
    expect(resumed).toBeLessThan(99);
    expect(b.received).toEqual(names(1, resumed + 1, 140));
    expect(publisher.state.phase).toBe('live');
  });

  it('goes to a standby it knows when the main server is gone as well', async () => {
    const { publisher, a, b, world, push } = start();
    world.answer = () => {
      throw new CallError('unreachable', 'gone');
    };
    publisher.startTake(1, MIME);
    await push(10);
    a.die();
    await push(40);
    expect(b.registrations[0]).toMatchObject({ grant: 'first' });
    expect(b.received.at(-1)).toBe('1.49');
  });

  it('leaves a node that keeps the link but does not answer', async () => {
    const { publisher, a, b, states, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    a.deaf = true;
    await push(80);
    expect(states.some(({ problem }) => problem?.code === 'timeout')).toBe(true);
    expect(b.received.at(-1)).toBe('1.84');
  });

  it('asks for a new take when it was away for longer than it remembers', async () => {
    const { publisher, a, b, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    a.die();
    b.up = false;
    await push(400);
    b.revive();
    a.revive();
    await push(80);
    expect(takesWanted).toEqual(['segment_gap']);
    publisher.startTake(2, MIME);
    await push(3);
    expect([...a.received, ...b.received].filter((name) => name.startsWith('2.'))).toEqual(names(2, 0, 3));
  });

  it('registers again after a gap, and asks for a new take only when media is refused', async () => {
    const { publisher, a, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    await push(3);
    a.refuseData = ['segment_gap'];
    a.nextSegment = 3;
    a.register = function (payload) {
      this.registrations.push(payload);
      return { next_segment: 3, viewers: 0 };
    };
    await push(2);
    expect(a.received).toEqual(names(1, 0, 5));
    expect(takesWanted).toEqual([]);
    a.refuseData = ['malformed_media'];
    await push(1);
    expect(takesWanted).toEqual(['malformed_media']);
  });

  it('ends in a state that says so when its own code fails', async () => {
    const { publisher, a, b, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    b.connect = () => {
      throw new TypeError('broken');
    };
    a.die();
    await push(10);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'bad_answer' } });
  });

  it('gives up when take after take is refused', async () => {
    const { publisher, a, takesWanted, push } = start();
    a.refuseData = Array<ErrorCode>(50).fill('malformed_media');
    for (let take = 1; take <= 6; take++) {
      publisher.startTake(take, MIME);
      await push(1);
    }
    expect(takesWanted).toHaveLength(3);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'malformed_media' } });
  });

  it('gives up when each take breaks right after its first segments, and says so once', async () => {
    const { publisher, a, states, takesWanted, push } = start();
    for (let take = 1; take <= 6; take++) {
      publisher.startTake(take, MIME);
      await push(3);
      a.refuseData = ['malformed_media'];
      await push(1);
    }
    expect(takesWanted).toHaveLength(3);
    expect(states.filter(({ phase }) => phase === 'failed')).toHaveLength(1);
    expect(publisher.state).toMatchObject({ problem: { code: 'malformed_media' } });
  });

  it('goes on with new takes when each of them was worth watching', async () => {
    const { publisher, a, takesWanted, push } = start();
    for (let take = 1; take <= 6; take++) {
      publisher.startTake(take, MIME);
      await push(60);
      a.refuseData = ['malformed_media'];
      await push(1);
    }
    expect(takesWanted).toHaveLength(6);
    expect(publisher.state.phase).toBe('live');
  });

  it('stops at the first segment whose format can never be forwarded', async () => {
    const { publisher, a, takesWanted, push } = start();
    a.refuseData = ['unsupported_mime'];
    publisher.startTake(1, MIME);
    await push(10);
    expect(takesWanted).toEqual([]);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'unsupported_mime' } });
    expect(a.registrations).toHaveLength(1);
  });

  it('begins a new take on the same connection', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    publisher.startTake(2, 'video/webm;codecs=vp8');
    await push(2);
    expect(a.registrations.map(({ take }) => take)).toEqual([1, 2]);
    expect(a.received).toEqual([...names(1, 0, 2), ...names(2, 0, 2)]);
    expect(a.connections).toHaveLength(1);
  });

  it('stops when the stream was ended elsewhere', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    a.tell('stream_state', { stream_id: 'abc', state: 'ended', viewers: 0 });
    await push(5);
    expect(publisher.state.phase).toBe('ended');
    expect(a.received).toEqual(names(1, 0, 2));
    expect(a.connections[0]?.closed).toBe(true);
  });

  it('has its grant renewed every hour, stays where it is, and registers with the newest one', async () => {
    const { publisher, a, b, asked, grantsShown, grantsKept, world, push } = start();
    let renewals = 0;
    world.answer = () => ({ grant: `renewed ${++renewals}`, nodes: [{ public_url: '/b' }, { public_url: '/a' }] });
    publisher.startTake(1, MIME);
    await push(2);
    await vi.advanceTimersByTimeAsync(25 * 60 * 60_000);
    expect(renewals).toBeGreaterThanOrEqual(24);
    expect(renewals).toBeLessThanOrEqual(25);
    expect(asked.every((avoided) => avoided.length === 0)).toBe(true);
    expect(grantsShown.slice(0, 2)).toEqual(['first', 'renewed 1']);
    expect(grantsKept.at(-1)).toBe(publisher.grant);
    publisher.startTake(2, MIME);
    await push(2);
    expect(a.registrations.map(({ grant }) => grant)).toEqual(['first', `renewed ${renewals}`]);
    expect(a.connections).toHaveLength(1);
    expect(b.connections).toHaveLength(0);
    expect(publisher.state.phase).toBe('live');
  });

  it('tries a renewal that failed again within minutes', async () => {
    const { publisher, asked, world, push } = start();
    world.answer = () => {
      throw new CallError('unreachable', 'gone');
    };
    publisher.startTake(1, MIME);
    await push(2);
    await vi.advanceTimersByTimeAsync(65 * 60_000);
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(asked.length).toBeLessThanOrEqual(6);
    expect(publisher.state.phase).toBe('live');
  });

  it('goes on at the same node with a fresh grant when its own has expired', async () => {
    const { publisher, a, b, asked, grantsKept, push } = start();
    a.refuseRegister = ['invalid_grant'];
    publisher.startTake(1, MIME);
    await push(5);
    expect(asked).toEqual([[]]);
    expect(a.registrations).toEqual([{ stream_id: 'abc', grant: 'fresh', mime: MIME, take: 1 }]);
    expect(a.received).toEqual(names(1, 0, 5));
    expect(b.connections).toHaveLength(0);
    expect(grantsKept).toEqual(['fresh']);
    expect(publisher.state.phase).toBe('live');
  });

  it('waits for the main server when a grant has expired while that is away', async () => {
    const { publisher, a, b, world, push } = start();
    const answer = world.answer;
    world.answer = () => {
      throw new CallError('unreachable', 'gone');
    };
    for (const node of [a, b]) {
      node.register = function (payload) {
        if (payload.grant === 'first') throw new CallError('invalid_grant', 'expired');
        return FakeNode.prototype.register.call(this, payload);
      };
    }
    publisher.startTake(1, MIME);
    await push(5);
    expect(publisher.state).toMatchObject({ phase: 'connecting', problem: { code: 'unreachable' } });
    world.answer = answer;
    await push(100);
    expect(publisher.state.phase).toBe('live');
  });

  it('fails when the main server refuses the grant, too, or the node refuses the fresh one', async () => {
    for (const refusedByServer of [true, false]) {
      const { publisher, a, asked, world, push } = start();
      a.refuseRegister = ['invalid_grant', 'invalid_grant'];
      if (refusedByServer) {
        world.answer = () => {
          throw new CallError('invalid_grant', 'no');
        };
      }
      publisher.startTake(1, MIME);
      await push(10);
      expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'invalid_grant' } });
      expect(asked).toHaveLength(1);
    }
  });

  it.each(['already_publishing', 'unsupported_mime'] as const)('fails for good on %s', async (code) => {
    const { publisher, a, asked, push } = start();
    a.refuseRegister = [code];
    publisher.startTake(1, MIME);
    await push(10);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code } });
    expect(asked).toEqual([]);
  });

  it('pauses longer and longer while no node can be reached', async () => {
    const { publisher, a, b, asked, push } = start();
    a.up = false;
    b.up = false;
    publisher.startTake(1, MIME);
    await push(600);
    expect(publisher.state.phase).toBe('connecting');
    // Each attempt waits 4 s for the link, then pauses.
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(15);
  });

  it('does not hammer a node that takes the stream and drops it at once', async () => {
    const { publisher, a, b, push } = start();
    a.refuseData = Array<ErrorCode>(1000).fill('internal');
    b.refuseData = Array<ErrorCode>(1000).fill('internal');
    publisher.startTake(1, MIME);
    await push(300);
    expect(a.connections.length + b.connections.length).toBeLessThan(25);
  });

  it('keeps no more than a megabyte on its way', async () => {
    const { publisher, a } = start();
    publisher.startTake(1, MIME);
    await vi.advanceTimersByTimeAsync(50);
    const calls = vi.spyOn(FakeConnection.prototype, 'call');
    a.deaf = true;
    for (let i = 0; i < 8; i++) publisher.push(new ArrayBuffer(300_000), Date.now());
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls.mock.calls.filter(([event]) => event === 'broadcast_data')).toHaveLength(4);
    expect(publisher.state.behindMs).toBeGreaterThan(900);
    calls.mockRestore();
  });

  it('sends a blob of 13 MB in pieces, each once', async () => {
    const { publisher, a, takesWanted, push } = start();
    a.breaksBeyond = 1_000_000;
    publisher.startTake(1, MIME);
    await push(1);
    publisher.push(new ArrayBuffer(13 << 20), Date.now());
    await push(20);
    expect(a.sent.reduce((sum, { bytes }) => sum + bytes, 0)).toBe((13 << 20) + 21 * 10);
    expect(a.received).toEqual(names(1, 0, 47));
    expect(takesWanted).toEqual([]);
  });

  it('tells the capture time of a blob with its last piece only', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(20);
    publisher.push(new ArrayBuffer(1_200_000), Date.now());
    await push(1);
    const told = a.captured.slice(-4).map((atMs) => atMs !== undefined);
    expect(told).toEqual([false, false, true, true]);
  });

  it('sends again once what the connection breaks on, then begins a new take', async () => {
    const { publisher, a, b, takesWanted, push } = start();
    a.breaksBeyond = b.breaksBeyond = 100_000;
    publisher.startTake(1, MIME);
    await push(3);
    publisher.push(new ArrayBuffer(2_000_000), Date.now());
    await push(300);
    const sends = new Map<string, number>();
    for (const { name, bytes } of [...a.sent, ...b.sent]) if (bytes > 10) sends.set(name, (sends.get(name) ?? 0) + 1);
    expect(Math.max(...sends.values())).toBe(2);
    expect(takesWanted).toEqual(['unreachable']);
    publisher.startTake(2, MIME);
    await push(3);
    expect([...a.received, ...b.received].filter((name) => name.startsWith('2.'))).toEqual(names(2, 0, 3));
  });

  it('does not give a take up because small segments met a broken connection', async () => {
    const { publisher, a, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    for (let i = 0; i < 5; i++) {
      publisher.push(new ArrayBuffer(10), Date.now());
      await vi.advanceTimersByTimeAsync(1);
      a.die();
      a.revive();
      await push(1);
    }
    expect(takesWanted).toEqual([]);
  });

  it('never sends again what a node finds too large', async () => {
    const { publisher, a, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    await push(3);
    a.refuseData = ['payload_too_large'];
    publisher.push(new ArrayBuffer(500_000), Date.now());
    await push(50);
    expect(a.sent.filter(({ bytes }) => bytes > 10)).toEqual([{ name: '1.3', bytes: 500_000 }]);
    expect(takesWanted).toEqual(['payload_too_large']);
  });

  it('leaves the node while there is nothing to send, and goes on there with the next take', async () => {
    const { publisher, a, b, asked, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    publisher.pause();
    expect(publisher.state.phase).toBe('paused');
    expect(a.connections[0]?.closed).toBe(true);
    await push(100);
    expect(publisher.state.phase).toBe('paused');
    expect(a.connections).toHaveLength(1);
    publisher.startTake(2, MIME);
    expect(publisher.state.phase).toBe('reconnecting');
    await push(3);
    expect(publisher.state.phase).toBe('live');
    expect(a.registrations.map(({ take }) => take)).toEqual([1, 2]);
    expect(a.received).toEqual([...names(1, 0, 5), ...names(2, 0, 3)]);
    expect(asked).toEqual([]);
    expect(b.connections).toEqual([]);
  });

  it('stays at its node when the next take begins at once', async () => {
    const { publisher, a, asked, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    publisher.pause();
    publisher.startTake(2, MIME);
    await push(3);
    expect(a.received).toEqual([...names(1, 0, 5), ...names(2, 0, 3)]);
    expect(asked).toEqual([]);
  });

  it('stays paused when its node dies, and finds another one for the next take', async () => {
    const { publisher, a, b, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    publisher.pause();
    a.die();
    await push(50);
    expect(publisher.state.phase).toBe('paused');
    publisher.startTake(2, MIME);
    await push(60);
    expect(b.received).toEqual(names(2, 0, 60));
  });

  it('tells the node when the broadcaster ends the stream', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    const ending = publisher.end();
    await push(1);
    await ending;
    expect(a.ended).toBe(true);
    expect(publisher.state.phase).toBe('ended');
  });
});
