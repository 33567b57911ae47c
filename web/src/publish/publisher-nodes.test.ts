// The node that a publisher uses: when one dies the next continues, and retries are paced.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError, type ErrorCode } from '../protocol/error';
import { MIME, names, start } from './fake-nodes';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Publisher between nodes', () => {
  it('registers the same take again when the link recovers, and sends only what the node lacks', async () => {
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

  it('moves to another node when one dies, and lets it continue from an earlier state', async () => {
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

  it('moves to a known standby when the main server is unreachable as well', async () => {
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

  it('leaves a node whose link is up but that does not answer', async () => {
    const { publisher, a, b, states, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    a.deaf = true;
    await push(80);
    expect(states.some(({ problem }) => problem?.code === 'timeout')).toBe(true);
    expect(b.received.at(-1)).toBe('1.84');
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

  it('paces retries on a node that accepts the stream and drops it at once', async () => {
    const { publisher, a, b, push } = start();
    a.refuseData = Array<ErrorCode>(1000).fill('internal');
    b.refuseData = Array<ErrorCode>(1000).fill('internal');
    publisher.startTake(1, MIME);
    await push(300);
    expect(a.connections.length + b.connections.length).toBeLessThan(25);
  });

  it('leaves the node while there is nothing to send, and continues there with the next take', async () => {
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
});
