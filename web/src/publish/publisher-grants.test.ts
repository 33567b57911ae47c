// A publisher's grants are renewed in time, and replaced when they have expired.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import { FakeNode, MIME, names, start } from './fake-nodes';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Publisher and grants', () => {
  it('renews its grant about every hour, stays on its node, and registers with the newest grant', async () => {
    const { publisher, a, b, asked, grantsShown, grantsKept, world, push } = start();
    let renewals = 0;
    world.answer = () => ({ grant: `renewed ${++renewals}`, nodes: [{ public_url: '/b' }, { public_url: '/a' }] });
    publisher.startTake(1, MIME);
    await push(2);
    await vi.advanceTimersByTimeAsync(25 * 60 * 60_000);
    // Every 45 to 75 minutes.
    expect(renewals).toBeGreaterThanOrEqual(20);
    expect(renewals).toBeLessThanOrEqual(33);
    expect(a.renewals.at(-1)).toBe(publisher.grant);
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

  it('repeats a failed renewal within minutes', async () => {
    const { publisher, asked, world, push } = start();
    world.answer = () => {
      throw new CallError('unreachable', 'gone');
    };
    publisher.startTake(1, MIME);
    await push(2);
    await vi.advanceTimersByTimeAsync(80 * 60_000);
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(asked.length).toBeLessThanOrEqual(36);
    expect(publisher.state.phase).toBe('live');
  });

  it('renews soon when its node asks for it', async () => {
    const { publisher, a, asked, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    a.tell('renew_grant', { stream_id: 'of another stream' });
    await push(30);
    expect(asked).toHaveLength(0);
    a.tell('renew_grant', { stream_id: 'abc' });
    await push(30);
    expect(a.renewals).toEqual(['fresh']);
    expect(publisher.state.phase).toBe('live');
  });

  it('runs for 30 hours through a change of source, and then on another node without the main server', async () => {
    const { publisher, a, b, world, push } = start();
    let renewals = 0;
    world.answer = () => ({ grant: `renewed ${++renewals}`, nodes: [{ public_url: '/a' }, { public_url: '/b' }] });
    publisher.startTake(1, MIME);
    await push(2);
    await vi.advanceTimersByTimeAsync(15 * 60 * 60_000);
    publisher.startTake(2, MIME);
    await push(2);
    await vi.advanceTimersByTimeAsync(15 * 60 * 60_000);
    await push(2);
    const before = publisher.grant;
    world.answer = () => {
      throw new CallError('unreachable', 'gone');
    };
    a.die();
    await push(5);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(publisher.state.phase).toBe('live');
    expect(b.registrations.map(({ grant, take }) => [grant, take])).toEqual([[before, 2]]);
  });

  it('continues on the same node with a fresh grant when its own has expired', async () => {
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

  it('waits for an unreachable main server when its grant has expired', async () => {
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

  it('fails when the main server also refuses the grant, or the node refuses the fresh one', async () => {
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
});
