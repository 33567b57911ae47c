// The memberships of this browser: a member who reloads the page, or comes back to it, is the same member.

import { siteMemory, type Memory } from '../browser/storage';
import type { Membership, PartyId } from '../protocol/party';

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
