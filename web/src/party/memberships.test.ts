// Memberships of the newest parties are kept, and reach the party's page even if the browser stores nothing.

import { expect, it } from 'vitest';
import { guarded, type GuardedMemory } from '../browser/storage';
import {
  forgetMembership,
  formerToken,
  handedOver,
  keepMembership,
  keepVote,
  membershipOf,
  takeMembership,
  voteOf,
} from './memberships';

const ANN = { member_id: 'm1', token: 'up_an-n' };
const PARTY = 'a'.repeat(32);

function storing(): GuardedMemory {
  const kept = new Map<string, string>();
  return guarded(() => ({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  }));
}

/** The memory of a page in a browser that blocks site data. */
function blocked(): GuardedMemory {
  return guarded(() => {
    throw new DOMException('blocked', 'SecurityError');
  });
}

function address(hash: string) {
  const seen: string[] = [];
  const replaceState = (_: unknown, __: string, url?: string | URL | null): void => void seen.push(String(url));
  return { seen, location: { hash, pathname: `/party/${PARTY}`, search: '' }, history: { state: null, replaceState } };
}

it('hands a membership over to the next page if the browser stores nothing', () => {
  const memory = blocked();
  keepMembership(PARTY, ANN, memory);
  const page = address(handedOver(PARTY, ANN, memory));
  const next = blocked();
  takeMembership(PARTY, next, page);
  expect(membershipOf(PARTY, next)).toEqual(ANN);
  expect(page.seen).toEqual([`/party/${PARTY}`]);
});

it('hands nothing over if the browser stores memberships, and accepts none from a link then', () => {
  const memory = storing();
  keepMembership(PARTY, ANN, memory);
  expect(handedOver(PARTY, ANN, memory)).toBe('');
  const other = storing();
  const page = address(`#membership=${encodeURIComponent('m9 up_other')}`);
  takeMembership(PARTY, other, page);
  expect([membershipOf(PARTY, other), page.seen.length]).toEqual([undefined, 1]);
});

it('accepts nothing incomplete, and replaces no known membership', () => {
  for (const field of ['', 'm1', 'a b c']) {
    const memory = blocked();
    takeMembership(PARTY, memory, address(`#membership=${encodeURIComponent(field)}`));
    expect(membershipOf(PARTY, memory)).toBeUndefined();
  }
  const memory = blocked();
  keepMembership(PARTY, ANN, memory);
  takeMembership(PARTY, memory, address(`#membership=${encodeURIComponent('m9 up_other')}`));
  expect(membershipOf(PARTY, memory)).toEqual(ANN);
});

it('keeps the token of a membership that has ended, and a newer membership', () => {
  const memory = storing();
  keepMembership(PARTY, ANN, memory);
  expect(formerToken(PARTY, memory)).toBeUndefined();
  forgetMembership(PARTY, ANN, memory);
  expect([membershipOf(PARTY, memory), formerToken(PARTY, memory)]).toEqual([undefined, ANN.token]);
  keepMembership(PARTY, { ...ANN, member_id: 'm2' }, memory);
  forgetMembership(PARTY, ANN, memory);
  expect(membershipOf(PARTY, memory)?.member_id).toBe('m2');
});

it('keeps the memberships of the newest parties', () => {
  const memory = storing();
  const parties = Array.from({ length: 60 }, (_, number) => number.toString(16).padStart(32, '0'));
  const [first = '', second = ''] = parties;
  for (const party of parties) {
    keepMembership(party, ANN, memory);
    keepVote(party, { member_id: 'm1', round: 1, entry_id: 'e1' }, memory);
    // The first party is joined repeatedly.
    keepMembership(first, ANN, memory);
  }
  const kept = parties.filter((party) => membershipOf(party, memory) !== undefined);
  expect(kept.length).toBe(50);
  expect([kept[0], kept.at(-1), voteOf(second, 'm1', 1, memory)]).toEqual([first, parties.at(-1), undefined]);
});
