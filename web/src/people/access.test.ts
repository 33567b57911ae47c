// Who may go live from a page: everyone, holders of a stream key, or accounts; and how long a key is kept.

import { expect, it } from 'vitest';
import { guarded, type Memory } from '../browser/storage';
import { CallError } from '../protocol/error';
import type { BroadcastPolicy, Me } from '../protocol/account';
import { Access } from './access';

function setUp(broadcast: BroadcastPolicy, memory: Memory = store()) {
  const world = { session: false, away: false, goodKeys: ['good'], shown: [] as (string | undefined)[], changes: 0 };
  const people = {
    me: (key?: string): Promise<Me> => {
      world.shown.push(key);
      if (world.away) return Promise.reject(new CallError('unreachable', 'away'));
      const may_broadcast = broadcast === 'open' || world.session || world.goodKeys.includes(key ?? '');
      const account = world.session ? ({ name: 'ann', role: 'broadcaster' } as const) : null;
      return Promise.resolve({ account, broadcast, may_broadcast, setup_needed: false });
    },
    signIn: (_name: string, password: string): Promise<void> => {
      if (password !== 'right') return Promise.reject(new CallError('wrong_password', 'no'));
      world.session = true;
      return Promise.resolve();
    },
  };
  const access = new Access({ people, tabMemory: memory, changed: () => world.changes++ });
  return { access, world, memory };
}

function store(): Memory {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

it('asks for nothing if everyone may go live, or if the server cannot be reached', async () => {
  const open = setUp('open');
  expect(open.access.known).toBe(false);
  await open.access.look();
  expect(open.access).toMatchObject({ known: true, isNeeded: false, streamKey: undefined });
  const away = setUp('key');
  away.world.away = true;
  await away.access.look();
  expect(away.access).toMatchObject({ known: true, isNeeded: false });
});

it('accepts a valid key, refuses others, and forgets it with the page', async () => {
  const { access, world, memory } = setUp('key');
  await access.look();
  expect(access.isNeeded).toBe(true);
  await expect(access.useKey('bad', true)).rejects.toMatchObject({ code: 'broadcast_not_allowed' });
  expect(access).toMatchObject({ isNeeded: true, streamKey: undefined });
  await access.useKey('good', false);
  expect(access).toMatchObject({ isNeeded: false, streamKey: 'good' });
  expect(world.shown).toEqual([undefined, 'bad', 'good']);
  const reloaded = setUp('key', memory);
  await reloaded.access.look();
  expect(reloaded.access.isNeeded).toBe(true);
});

it('keeps a key for the tab if the person chooses that, until it is revoked', async () => {
  const { access, memory } = setUp('key');
  await access.useKey('good', true);
  const reloaded = setUp('key', memory);
  await reloaded.access.look();
  expect(reloaded.access).toMatchObject({ isNeeded: false, streamKey: 'good' });
  reloaded.world.goodKeys = [];
  await reloaded.access.refused();
  expect(reloaded.access).toMatchObject({ isNeeded: true, streamKey: undefined });
  await expect(setUp('key', memory).access.look()).resolves.toBeUndefined();
  expect(setUp('key', memory).access.streamKey).toBeUndefined();
});

it('works if storage is blocked', async () => {
  const blocked = guarded(() => {
    throw new DOMException('blocked', 'SecurityError');
  });
  const { access } = setUp('key', blocked);
  await access.look();
  await access.useKey('good', true);
  expect(access.streamKey).toBe('good');
});

it('continues with an account, which needs no key', async () => {
  const { access } = setUp('account');
  await access.look();
  await expect(access.signIn('ann', 'wrong')).rejects.toMatchObject({ code: 'wrong_password' });
  expect(access.account).toBeNull();
  await access.signIn('ann', 'right');
  expect(access).toMatchObject({ isNeeded: false, streamKey: undefined, account: { name: 'ann' } });
});
