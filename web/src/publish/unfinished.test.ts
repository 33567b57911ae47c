// A stream that this tab left is offered until it ends. It is called live only if it is live elsewhere, and counts as
// ended only once the main server confirmed that.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { guarded, type Memory } from '../browser/storage';
import { CallError, type ErrorCode } from '../protocol/error';
import type { StreamInfo, StreamState } from '../protocol/stream';
import { recall, remember, type OwnStream } from './own-stream';
import { UnfinishedStream, type Offer } from './unfinished';

const OWN: OwnStream = {
  stream_id: 'abc',
  title: 'Talk',
  watch_url: '/view/abc',
  publish: { grant: 'secret', nodes: [] },
  next_take: 3,
};

function start(state: StreamState | ErrorCode = 'live') {
  const memory: Memory = guarded(() => {
    throw new DOMException('blocked', 'SecurityError');
  });
  remember(memory, OWN);
  const world = { state, offer: undefined as Offer | undefined, ends: 0, endFails: undefined as ErrorCode | undefined };
  const known: string[] = ['created', 'live', 'interrupted', 'ended'];
  const server = {
    stream: () =>
      known.includes(world.state)
        ? Promise.resolve({ state: world.state, viewers: 4 } as StreamInfo)
        : Promise.reject(new CallError(world.state as ErrorCode, 'no')),
    endStream: () => {
      world.ends++;
      return world.endFails ? Promise.reject(new CallError(world.endFails, 'no')) : Promise.resolve();
    },
  };
  const unfinished = new UnfinishedStream(server, memory, (offer) => (world.offer = offer));
  void unfinished.offer();
  return { unfinished, world, memory };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('UnfinishedStream', () => {
  it('calls the stream live if it still is a moment later', async () => {
    const { world } = start('live');
    await pass(10);
    expect(world.offer).toEqual({ own: OWN, info: undefined });
    await pass(2_000);
    expect(world.offer?.info).toMatchObject({ state: 'live', viewers: 4 });
  });

  it('does not call a stream live that this page has just left by reloading', async () => {
    const { world } = start('live');
    await pass(10);
    world.state = 'interrupted';
    await pass(2_000);
    expect(world.offer?.info?.state).toBe('interrupted');
  });

  it.each(['ended', 'unknown_stream'] as const)('forgets a stream that is %s', async (state) => {
    const { world, memory } = start('interrupted');
    await pass(10);
    expect(world.offer).toBeDefined();
    world.state = state;
    await pass(10_000);
    expect(world.offer).toBeUndefined();
    expect(recall(memory)).toBeUndefined();
  });

  it('offers the stream while the main server is unreachable', async () => {
    const { world, memory } = start('internal');
    await pass(20_000);
    expect(world.offer?.own).toEqual(OWN);
    expect(recall(memory)).toEqual(OWN);
  });

  it('stops polling once withdrawn, and remembers the stream', async () => {
    const { unfinished, world, memory } = start('interrupted');
    await pass(10);
    unfinished.withdraw();
    world.state = 'ended';
    await pass(60_000);
    expect(world.offer).toBeUndefined();
    expect(recall(memory)).toEqual(OWN);
  });

  it('keeps the offer if ending failed, and forgets the stream once it succeeded', async () => {
    const { unfinished, world, memory } = start('live');
    await pass(2_000);
    world.endFails = 'internal';
    await expect(unfinished.end()).rejects.toMatchObject({ code: 'internal' });
    expect(world.offer?.own).toEqual(OWN);
    world.endFails = undefined;
    await unfinished.end();
    expect(world).toMatchObject({ ends: 2, offer: undefined });
    expect(recall(memory)).toBeUndefined();
  });
});
