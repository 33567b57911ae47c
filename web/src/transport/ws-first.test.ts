// WebSocket first: Socket.IO takes over if WebSockets do not work, but not because of a dead node.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError, type ErrorCode, type LocalErrorCode } from '../protocol/error';
import type { ClockAnswer, ClockRequest, NodeEvents, Watching, WatchRequest } from '../protocol/event';
import type { LinkState, TransportName } from './connection';
import { Listeners } from './listeners';
import type { ViewerConnection } from './viewer';
import { WsFirstViewer } from './ws-first';
import { WsMemory } from './ws-memory';

const REQUEST: WatchRequest = { stream_id: '8811d3bae631e8b5e26212edaf3e41eb' };
const WATCHING: Watching = { mime: null, take: 0, origin_time_ms: null, window_ms: 30_000 };

/** `silence`: not even a connection; `slow`: a connection, and a welcome 4 s later. */
type Answer = ErrorCode | LocalErrorCode | 'silence' | 'slow' | 'welcome';

/** One transport to one node. */
class FakeViewer implements ViewerConnection {
  readonly requests: WatchRequest[] = [];
  link: LinkState = 'down';
  closed = false;
  renewals = 0;
  readonly listeners = new Listeners();
  #left: () => void = () => undefined;

  constructor(
    readonly transport: TransportName,
    readonly answers: Answer[],
  ) {}

  async watch(request: WatchRequest, timeoutMs: number): Promise<Watching> {
    this.requests.push(request);
    const answer = this.answers.shift() ?? 'welcome';
    if (answer === 'silence') await new Promise((resolve) => setTimeout(resolve, timeoutMs));
    if (answer === 'slow' && !(await this.#patience())) throw new CallError('unreachable', 'left');
    if (answer === 'silence') throw new CallError('timeout', answer);
    if (answer !== 'welcome' && answer !== 'slow') throw new CallError(answer, answer);
    this.link = 'up';
    return WATCHING;
  }

  leave(): Promise<void> {
    this.#left();
    return Promise.resolve();
  }

  renew(): void {
    this.renewals++;
  }

  clock(request: ClockRequest): Promise<ClockAnswer> {
    return Promise.resolve({ ...request, t1_ms: 0, t2_ms: 0 });
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    return this.listeners.on(event, listener);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    return this.listeners.onLink(listener);
  }

  close(): void {
    this.closed = true;
    this.#left();
  }

  /** True after 4 s, false when the viewer leaves before. */
  #patience(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#left = () => resolve(false);
      setTimeout(() => resolve(true), 4_000);
    });
  }
}

/** A network with nodes that answer as told, over each transport. */
function network() {
  const made: FakeViewer[] = [];
  const answers: Record<'ws' | 'socketio', Answer[]> = { ws: [], socketio: [] };
  const make = (transport: 'ws' | 'socketio') => (): FakeViewer => {
    const viewer = new FakeViewer(transport, answers[transport]);
    made.push(viewer);
    return viewer;
  };
  const memory = new WsMemory({ getItem: () => kept, setItem: (_key, value) => (kept = value) });
  let kept: string | null = null;
  const connect = (node: string): WsFirstViewer =>
    new WsFirstViewer(node, { ws: make('ws'), socketIo: make('socketio'), memory });
  return { answers, connect, made, tried: () => made.map(({ transport }) => transport) };
}

async function outcome(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'done',
    (error: unknown) => (error instanceof CallError ? error.code : error),
  );
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('WsFirstViewer', () => {
  it('watches over a WebSocket where one works', async () => {
    const { connect, tried } = network();
    const viewer = connect('/a');
    expect(await outcome(viewer.watch(REQUEST, 3_000))).toBe('done');
    expect([viewer.transport, viewer.link, tried()]).toEqual(['ws', 'up', ['ws']]);
  });

  it('switches to Socket.IO after a short while where none works, and uses it at once for the next node', async () => {
    const { answers, connect, made, tried } = network();
    answers.ws.push('silence');
    const viewer = connect('/a');
    const watching = outcome(viewer.watch(REQUEST, 3_000));
    await vi.advanceTimersByTimeAsync(2_500);
    expect(await watching).toBe('done');
    expect([viewer.transport, tried(), made[0]?.closed]).toEqual(['socketio', ['ws', 'socketio'], true]);
    expect(await outcome(connect('/b').watch(REQUEST, 3_000))).toBe('done');
    expect(tried()).toEqual(['ws', 'socketio', 'socketio']);
  });

  it('waits only briefly for the first message, but longer once WebSockets are known to work', async () => {
    const { answers, connect } = network();
    answers.ws.push('slow', 'welcome', 'slow');
    const doubted = connect('/a');
    const first = outcome(doubted.watch(REQUEST, 3_000));
    await vi.advanceTimersByTimeAsync(2_500);
    expect(await first).toBe('done');
    expect(doubted.transport).toBe('socketio');

    const other = network();
    other.answers.ws.push('welcome', 'slow');
    await other.connect('/a').watch(REQUEST, 3_000);
    const trusted = other.connect('/b');
    const second = outcome(trusted.watch(REQUEST, 3_000));
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await second).toBe('done');
    expect(trusted.transport).toBe('ws');
  });

  it('reports events over either transport', async () => {
    const { answers, connect, made } = network();
    answers.ws.push('unreachable');
    const viewer = connect('/a');
    const heard: unknown[] = [];
    viewer.on('stream_state', ({ viewers }) => heard.push(viewers));
    viewer.onLink((link) => heard.push(link));
    await viewer.watch(REQUEST, 3_000);
    made[1]?.listeners.tell('stream_state', { ...REQUEST, state: 'live', viewers: 3 });
    made[1]?.listeners.tellLink('down');
    expect(heard).toEqual([3, 'down']);
  });

  it('passes on a node’s refusal, which proves that the connection works', async () => {
    const { answers, connect, tried } = network();
    answers.ws.push('no_capacity', 'welcome');
    expect(await outcome(connect('/a').watch(REQUEST, 3_000))).toBe('no_capacity');
    expect(await outcome(connect('/b').watch(REQUEST, 3_000))).toBe('done');
    expect(tried()).toEqual(['ws', 'ws']);
  });

  it('does not try Socket.IO on a dead node when WebSockets have worked, so that fail-over is fast', async () => {
    const { answers, connect, tried } = network();
    const viewer = connect('/a');
    await viewer.watch(REQUEST, 3_000);
    answers.ws.push('unreachable');
    expect(await outcome(viewer.watch(REQUEST, 800))).toBe('unreachable');
    expect(await outcome(connect('/b').watch(REQUEST, 3_000))).toBe('done');
    expect(tried()).toEqual(['ws', 'ws']);
  });

  it('does not doubt WebSockets because of a node that Socket.IO does not reach either', async () => {
    const { answers, connect, tried } = network();
    answers.ws.push('unreachable');
    answers.socketio.push('unreachable');
    expect(await outcome(connect('/a').watch(REQUEST, 3_000))).toBe('unreachable');
    expect(await outcome(connect('/b').watch(REQUEST, 3_000))).toBe('done');
    expect(tried()).toEqual(['ws', 'socketio', 'ws']);
  });

  it('stays on Socket.IO while it works, and resumes after the same chunk', async () => {
    const { answers, connect, made, tried } = network();
    answers.ws.push('bad_answer');
    const viewer = connect('/a');
    await viewer.watch(REQUEST, 3_000);
    const again = { ...REQUEST, after: { take: 0, group: 3, index: 1 } };
    await viewer.watch(again, 800);
    expect(tried()).toEqual(['ws', 'socketio']);
    expect(made[1]?.requests).toEqual([REQUEST, again]);
  });

  it('opens nothing more once it is closed', async () => {
    const { answers, connect, tried } = network();
    answers.ws.push('silence');
    const viewer = connect('/a');
    const watching = outcome(viewer.watch(REQUEST, 3_000));
    viewer.close();
    await vi.advanceTimersByTimeAsync(2_500);
    expect(await watching).toBe('timeout');
    expect(tried()).toEqual(['ws']);
  });
});
