// The node of a watch session: the same one if it recovers, another if it does not.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM, pass, watch } from './fake-world';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('WatchSession between nodes', () => {
  it('continues after its last chunk when the same node recovers', async () => {
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

  it('continues at the next node, after its last chunk, when a node drops the stream', async () => {
    const { session, a, b, asked, world } = watch();
    await pass(50);
    a.chunk(1, 7, 0);
    a.tell('stream_dropped', { stream_id: 'of another stream' });
    await pass(50);
    expect(a.serving).toBe(1);
    // As over Socket.IO, where clients that do not know `stream_dropped` need another message.
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

  it('follows a broadcaster that moved to another node', async () => {
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

  it('uses a standby when the main server is unreachable as well', async () => {
    const { session, a, b, world } = watch();
    await pass(6_000);
    a.chunk(0, 0, 0);
    world.mainServer = 'unreachable';
    a.setUp(false);
    await pass(2_000);
    expect(b.requests).toHaveLength(1);
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

  it('does not return to a dead node, and retries soon, while the stream moves to another', async () => {
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

  it('leaves a node that cannot fetch a stream that others have', async () => {
    const { session, a, b, asked } = watch({ info: 'live' });
    a.refusals = ['no_node_available'];
    await pass(1_000);
    expect([a.requests.length, b.requests.length]).toEqual([0, 1]);
    expect(asked).toHaveLength(1);
    session.close();
  });
});
