// A viewer's grant is renewed long before it expires, so that any node accepts it, even without the main server.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STREAM, pass, watch } from './fake-world';
import { GrantRenewal } from './grant-renewal';

const HOUR_MS = 60 * 60_000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('GrantRenewal', () => {
  it('keeps a grant for 30 hours that never comes near its expiry', async () => {
    let nowMs = 0;
    let grant = 'grant 0';
    let grantedMs = 0;
    let renewals = 0;
    const renewal = new GrantRenewal({
      renew: () => Promise.resolve({ grant: `grant ${++renewals}`, expires_in_s: 3600 }),
      grant: () => grant,
      renewed: (fresh) => {
        grant = fresh;
        grantedMs = nowMs;
      },
      now: () => nowMs,
    });
    renewal.took(3600);
    for (; nowMs < 30 * HOUR_MS; nowMs += 60_000) {
      renewal.renewIfDue();
      await Promise.resolve();
      expect(nowMs - grantedMs).toBeLessThan(0.65 * HOUR_MS);
    }
    expect(renewals).toBeGreaterThanOrEqual(48);
    expect(renewals).toBeLessThanOrEqual(75);
  });
});

describe('WatchSession and grants', () => {
  it('watches for hours with fresh grants, and continues at another node without the main server', async () => {
    const { session, a, b, asked, world } = watch({ expiresInS: 3600 });
    await pass(3 * HOUR_MS);
    const renewals = world.renewedFrom.length;
    // Each between 40 and 60 % of an hour after the last.
    expect(renewals).toBeGreaterThanOrEqual(5);
    expect(renewals).toBeLessThanOrEqual(7);
    expect(asked).toHaveLength(1);
    expect(world.renewedFrom.slice(0, 2)).toEqual(['grant 1', 'renewal 1']);
    expect(a.renewals.at(-1)).toEqual({ stream_id: STREAM, grant: `renewal ${renewals}` });
    expect(a.requests).toHaveLength(1);
    a.chunk(0, 4, 2);
    world.mainServer = 'unreachable';
    a.setUp(false);
    await pass(5_000);
    expect(b.requests).toEqual([
      { stream_id: STREAM, grant: `renewal ${renewals}`, after: { take: 0, group: 4, index: 2 } },
    ]);
    expect(session.state).toMatchObject({ phase: 'live', node: '/b' });
    session.close();
  });

  it('does not renew at the same time as other viewers', async () => {
    const at: number[] = [];
    const random = vi.spyOn(Math, 'random');
    for (const value of [0, 0.999]) {
      random.mockReturnValue(value);
      const { session, world } = watch({ expiresInS: 3600 });
      const beganMs = Date.now();
      while (world.renewedFrom.length === 0) await pass(60_000);
      at.push((Date.now() - beganMs) / HOUR_MS);
      session.close();
    }
    random.mockRestore();
    expect(at[0]).toBeCloseTo(0.4, 1);
    expect(at[1]).toBeCloseTo(0.6, 1);
  });

  it('renews soon when the node asks, whatever its own clock says', async () => {
    const { session, a, world } = watch({ expiresInS: 86_400 });
    await pass(1_000);
    a.tell('renew_grant', { stream_id: 'of another stream' });
    await pass(3_000);
    expect(world.renewedFrom).toEqual([]);
    a.tell('renew_grant', { stream_id: STREAM });
    await pass(3_000);
    expect(a.renewals).toEqual([{ stream_id: STREAM, grant: 'renewal 1' }]);
    session.close();
  });

  it('retries until it works, and keeps watching meanwhile', async () => {
    const { session, a, world } = watch({ expiresInS: 3600 });
    await pass(50);
    world.mainServer = 'unreachable';
    await pass(HOUR_MS);
    expect(world.renewedFrom.length).toBeGreaterThan(10);
    expect(world.renewedFrom.length).toBeLessThan(40);
    expect(session.state.phase).toBe('live');
    world.mainServer = undefined;
    await pass(70_000);
    expect(a.renewals).toHaveLength(1);
    session.close();
  });

  it('renews nothing at a main server that does not support it', async () => {
    for (const expiresInS of [undefined, 3600]) {
      const { session, world } = watch(expiresInS === undefined ? {} : { expiresInS });
      await pass(50);
      world.mainServer = 'not_found';
      await pass(2 * HOUR_MS);
      expect(world.renewedFrom).toHaveLength(expiresInS === undefined ? 0 : 1);
      expect(session.state.phase).toBe('live');
      session.close();
    }
  });
});
