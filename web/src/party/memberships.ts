// The memberships of this browser: a member who reloads the page, or comes back to it, is the same member.

import { takeFromFragment, type Address } from '../browser/fragment';
import { siteMemory, type GuardedMemory, type Memory } from '../browser/storage';
import type { Membership, PartyId } from '../protocol/party';

/** Parties whose memberships are kept: the newest ones. */
const MOST = 50;
const PARTIES = 'undead.parties';
/** The field of the address that hands a membership to the party's page. */
const FIELD = 'membership';

/** The membership that this browser has in a party. */
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

/** Keeps a membership in the place of an earlier one. */
export function keepMembership(party: PartyId, membership: Membership, memory: Memory = siteMemory): void {
  memory.setItem(keyOf(party), JSON.stringify(membership));
  const parties = [...keptParties(memory).filter((other) => other !== party), party];
  for (const old of parties.splice(0, parties.length - MOST)) {
    memory.removeItem(keyOf(old));
    memory.removeItem(voteKeyOf(old));
  }
  memory.setItem(PARTIES, JSON.stringify(parties));
}

/** The parties whose memberships are kept, newest last. */
function keptParties(memory: Memory): PartyId[] {
  try {
    const kept: unknown = JSON.parse(memory.getItem(PARTIES) ?? '[]');
    return Array.isArray(kept) ? kept.filter((party) => typeof party === 'string') : [];
  } catch {
    return [];
  }
}

/** The fragment for the address of the party's page: the membership where the browser does not store it, else empty. */
export function handedOver(
  party: PartyId,
  { member_id, token }: Membership,
  memory: GuardedMemory = siteMemory,
): string {
  return memory.stores(keyOf(party)) ? '' : `#${FIELD}=${encodeURIComponent(`${member_id} ${token}`)}`;
}

/** Keeps the membership in the page's address, see {@link handedOver}. A browser that stores memberships takes none from a link. */
export function takeMembership(party: PartyId, memory: GuardedMemory = siteMemory, address?: Address): void {
  const [member_id, token, ...rest] = takeFromFragment(FIELD, address)?.split(' ') ?? [];
  if (member_id === undefined || token === undefined || rest.length > 0) return;
  if (membershipOf(party, memory) !== undefined) return;
  const given = { member_id, token };
  keepMembership(party, given, memory);
  if (memory.stores(keyOf(party))) forgetMembership(party, given, memory);
}

/** Forgets a membership that is over. One that another tab of this browser got since then stays. */
export function forgetMembership(party: PartyId, over: Membership, memory: Memory = siteMemory): void {
  if (membershipOf(party, memory)?.token === over.token) memory.removeItem(keyOf(party));
}

/** The vote of a member in a round. */
export interface CastVote {
  member_id: string;
  round: number;
  entry_id: string;
}

/** The entry that a member of this browser voted for in a round: a party may keep votes secret, also from those whose they are. */
export function voteOf(party: PartyId, member: string, round: number, memory: Memory = siteMemory): string | undefined {
  try {
    const kept = JSON.parse(memory.getItem(voteKeyOf(party)) ?? 'null') as Partial<CastVote> | null;
    const isIt = kept?.member_id === member && kept.round === round;
    return isIt && typeof kept.entry_id === 'string' ? kept.entry_id : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a vote in the place of the one before. */
export function keepVote(party: PartyId, vote: CastVote, memory: Memory = siteMemory): void {
  memory.setItem(voteKeyOf(party), JSON.stringify(vote));
}

function voteKeyOf(party: PartyId): string {
  return `undead.party-vote.${party}`;
}

function keyOf(party: PartyId): string {
  return `undead.party.${party}`;
}
