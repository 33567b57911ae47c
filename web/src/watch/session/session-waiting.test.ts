// How a watch session asks the main server: seldom, with growing pauses, and with its grant.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM, pass, watch } from './fake-world';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('WatchSession at the main server', () => {
  it('gets a new grant when the old one has expired', async () => {
    const { session, a, asked } = watch();
    a.refusals = ['invalid_grant'];
    await pass(1_000);
    expect(asked).toEqual([{}, {}]);
    expect(a.requests).toEqual([{ stream_id: STREAM, grant: 'grant 2' }]);
    session.close();
  });

  it.each(['no_capacity', 'limit_reached', 'unknown_stream'] as const)(
    'tries the next node of its list after %s, and asks for others when all refused',
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

  it('keeps waiting while every node is full, and reports it', async () => {
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

  it('waits for an unavailable store, and continues at a standby meanwhile if it was watching', async () => {
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

  it('keeps asking, less and less often, while no node has capacity', async () => {
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

  it('waits for a stream that has not begun, and counts it as no node’s failure', async () => {
    const { session, a, asked } = watch({ info: 'created' });
    a.refusals = ['no_node_available', 'no_node_available', 'no_node_available'];
    await pass(200);
    expect(session.state).toMatchObject({ phase: 'waiting', problem: undefined });
    await pass(2_000);
    expect(a.requests).toHaveLength(1);
    expect(asked.every(({ avoid }) => avoid === undefined)).toBe(true);
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

  it('asks seldom, and not in step with others, where an interrupted stream moved', async () => {
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

  it('does not retry while the page is hidden and nothing was shown, and continues once it is visible', async () => {
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
});
