// Two nodes and a main server on a fake clock, for tests of the publisher.

import { vi } from 'vitest';
import { CallError, type ErrorCode } from '../protocol/error';
import type { BroadcastData, NodeCalls, NodeEvents, RegisterNewStream, Renew } from '../protocol/event';
import type { Assignment } from '../protocol/stream';
import type { LinkState, NodeConnection } from '../transport/connection';
import { Publisher } from './publisher';
import type { PublisherState } from './publisher-setup';

/** The type of the recording. */
export const MIME = 'video/webm;codecs=vp9,opus';

/** A node that a broadcaster publishes to. It accepts everything unless a test says otherwise. */
export class FakeNode {
  up = true;
  registrations: RegisterNewStream[] = [];
  received: string[] = [];
  captured: (number | undefined)[] = [];
  nextSegment = 0;
  /** Refuses the next registrations or segments with these codes, one each. */
  refuseRegister: ErrorCode[] = [];
  refuseData: ErrorCode[] = [];
  deaf = false;
  /** The connection breaks on larger segments, and recovers. */
  breaksBeyond = Infinity;
  /** Segments as they were sent, successfully or not. */
  sent: { name: string; bytes: number }[] = [];
  ended = false;
  /** Fresh grants it received. */
  renewals: string[] = [];
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

  register(payload: RegisterNewStream): { next_segment: number; viewers: number } {
    const refusal = this.refuseRegister.shift();
    if (refusal) throw new CallError(refusal, refusal);
    this.registrations.push(payload);
    const next_segment = payload.resume === undefined ? this.nextSegment : Number(payload.resume) + 1;
    return { next_segment, viewers: 2 };
  }

  take({ take, seq, captured_at_ms }: BroadcastData): { have: { take: number; seq: number }; resume: string } {
    const refusal = this.refuseData.shift();
    if (refusal) throw new CallError(refusal, refusal);
    this.received.push(`${take}.${seq}`);
    this.captured.push(captured_at_ms);
    return { have: { take, seq }, resume: String(seq) };
  }
}

/** A connection to a {@link FakeNode}. */
export class FakeConnection implements NodeConnection {
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
    if (event === 'renew') this.node.renewals.push((payload as Renew).grant);
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

/** A publisher that knows nodes `/a` and `/b`, with everything it reported. */
export interface Started {
  publisher: Publisher;
  a: FakeNode;
  b: FakeNode;
  states: PublisherState[];
  takesWanted: string[];
  /** Nodes to avoid, for each request to the main server. */
  asked: string[][];
  grantsShown: string[];
  grantsKept: string[];
  /** The main server's answers. */
  world: { answer: () => Assignment };
  /** Records so many segments, 100 ms apart. */
  push: (count: number) => Promise<void>;
}

/** Starts a publisher. */
export function start(): Started {
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

/** Names of segments. */
export const names = (take: number, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${take}.${from + i}`);
