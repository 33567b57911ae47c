// Events lead to the server's state, in whatever order and however often they arrive.

import { describe, expect, it } from 'vitest';
import { fakeEntry, fakeMember, fakeState } from './fake-party';
import { applyChanged, applyChat, applyPresence, readEvent } from './state';

const message = (id: string) => ({ message_id: id, member_id: 'm1', name: 'Ann', text: 'hello', at_ms: 1 });

describe('changed', () => {
  it('replaces whole fields, and removes those that are null', () => {
    const round = { round: 1, votes: [], skips: [], skips_needed: 1 };
    const before = fakeState({ round, acting_host: 'm2', queue: [fakeEntry('a')] });
    const changes = { queue: [fakeEntry('b')], acting_host: null, title: 'Saturday' };
    const after = applyChanged(before, { revision: 2, changes });
    expect(after).toMatchObject({ revision: 2, title: 'Saturday', queue: [{ entry_id: 'b' }], round });
    expect('acting_host' in after).toBe(false);
  });

  it('adds members, changes them in place, and removes those who left', () => {
    const before = fakeState({ members: ['m1', 'm2', 'm3'].map((id) => fakeMember(id)) });
    const changes = { members: [fakeMember('m1', { is_present: false }), fakeMember('m4')], left: ['m2'] };
    const after = applyChanged(before, { revision: 2, changes });
    expect(after.members.map(({ member_id, is_present }) => [member_id, is_present])).toEqual([
      ['m1', false],
      ['m3', true],
      ['m4', true],
    ]);
  });

  it('that is older than the state changes nothing', () => {
    const before = fakeState({ revision: 7 });
    expect(applyChanged(before, { revision: 7, changes: { title: 'old' } })).toBe(before);
  });
});

it('a message is shown once, and the oldest are dropped', () => {
  let state = fakeState();
  for (let n = 0; n < 120; n++) state = applyChat(state, message(`c${n}`));
  state = applyChat(state, message('c119'));
  expect(state.chat).toHaveLength(100);
  expect(state.chat.at(-1)?.message_id).toBe('c119');
});

it('reports are kept only for present members', () => {
  const state = fakeState({ members: [fakeMember('m1'), fakeMember('m2', { is_present: false })] });
  const before = new Map([['m2', { error_ms: 4 }]]);
  const after = applyPresence(before, { members: [{ member_id: 'm1', error_ms: -3 }] }, state);
  expect([...after]).toEqual([['m1', { error_ms: -3 }]]);
});

it('unreadable events are ignored', () => {
  const read = (type: string, data: string) => readEvent({ type, data })?.type;
  expect([read('chat', '{}'), read('chat', '{'), read('chat', '3'), read('new', '{}')]).toEqual([
    'chat',
    undefined,
    undefined,
    undefined,
  ]);
});
