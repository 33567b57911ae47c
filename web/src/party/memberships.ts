// The memberships of this browser: a member who reloads the page, or returns to it, stays the same member.

import { takeFromFragment, type Address } from '../browser/fragment';
import { siteMemory, type GuardedMemory, type Memory } from '../browser/storage';
import type { Membership, PartyId } from '../protocol/party';

/** Number of memberships kept; the oldest is dropped first. */
const MOST = 50;
const PARTIES = 'undead.parties';
/** The field of the address fragment that hands a membership to the party's page. */
const FIELD = 'membership';

/** This browser's membership in a party. */
export function membershipOf(party: PartyId, memory: Memory = siteMemory): Membership | undefined {
  try {
    const kept: unknown = JSON.parse(memory.getItem(keyOf(party)) ?? 'null');
    if (typeof kept !== 'object' || kept === null || !('member_id' in kept) || !('token' in kept)) return undefined;
    const { member_id, token } = kept;
    return typeof member_id === 'string' && typeof token === 'string' ? { member_id, token } : undefined;
  } catch {
    return undefined;
  }
}

/** Stores a membership, in place of an earlier one. */
export function keepMembership(party: PartyId, membership: Membership, memory: Memory = siteMemory): void {
  memory.setItem(keyOf(party), JSON.stringify(membership));
  const parties = [...keptParties(memory).filter((other) => other !== party), party];
  for (const old of parties.splice(0, parties.length - MOST)) {
    memory.removeItem(keyOf(old));
    memory.removeItem(voteKeyOf(old));
    memory.removeItem(formerKeyOf(old));
  }
  memory.setItem(PARTIES, JSON.stringify(parties));
}

/** The parties with stored memberships, newest last. */
function keptParties(memory: Memory): PartyId[] {
  try {
    const kept: unknown = JSON.parse(memory.getItem(PARTIES) ?? '[]');
    return Array.isArray(kept) ? kept.filter((party) => typeof party === 'string') : [];
  } catch {
    return [];
  }
}

/**
 * The fragment for the address of the party's page: contains the membership if the browser does not store it, else
 * empty.
 */
export function handedOver(
  party: PartyId,
  { member_id, token }: Membership,
  memory: GuardedMemory = siteMemory,
): string {
  return memory.stores(keyOf(party)) ? '' : `#${FIELD}=${encodeURIComponent(`${member_id} ${token}`)}`;
}

/**
 * Stores the membership in the page's address, see {@link handedOver}. If the browser stores memberships, links are
 * ignored.
 */
export function takeMembership(party: PartyId, memory: GuardedMemory = siteMemory, address?: Address): void {
  const [member_id, token, ...rest] = takeFromFragment(FIELD, address)?.split(' ') ?? [];
  if (member_id === undefined || token === undefined || rest.length > 0) return;
  if (membershipOf(party, memory) !== undefined) return;
  const given = { member_id, token };
  keepMembership(party, given, memory);
  if (memory.stores(keyOf(party))) memory.removeItem(keyOf(party));
}

/**
 * Deletes a membership that ended, but for its token: who joins again with it is the same person to the party. A newer
 * membership from another tab of this browser stays.
 */
export function forgetMembership(party: PartyId, over: Membership, memory: Memory = siteMemory): void {
  memory.setItem(formerKeyOf(party), over.token);
  if (membershipOf(party, memory)?.member_id === over.member_id) memory.removeItem(keyOf(party));
}

/** The token of this browser's last membership in a party, if it has ended. */
export function formerToken(party: PartyId, memory: Memory = siteMemory): string | undefined {
  return memory.getItem(formerKeyOf(party)) ?? undefined;
}

/** The vote of a member in a round. */
export interface CastVote {
  member_id: string;
  round: number;
  entry_id: string;
}

/**
 * The entry that a member of this browser voted for in a round. Needed because a party with secret votes does not even
 * tell members their own.
 */
export function voteOf(party: PartyId, member: string, round: number, memory: Memory = siteMemory): string | undefined {
  try {
    const kept = JSON.parse(memory.getItem(voteKeyOf(party)) ?? 'null') as Partial<CastVote> | null;
    const isIt = kept?.member_id === member && kept.round === round;
    return isIt && typeof kept.entry_id === 'string' ? kept.entry_id : undefined;
  } catch {
    return undefined;
  }
}

/** Stores a vote, in place of the previous one. */
export function keepVote(party: PartyId, vote: CastVote, memory: Memory = siteMemory): void {
  memory.setItem(voteKeyOf(party), JSON.stringify(vote));
}

function voteKeyOf(party: PartyId): string {
  return `undead.party-vote.${party}`;
}

function formerKeyOf(party: PartyId): string {
  return `undead.party-former.${party}`;
}

function keyOf(party: PartyId): string {
  return `undead.party.${party}`;
}
