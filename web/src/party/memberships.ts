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

/** Keeps a membership, or forgets it. */
export function keepMembership(party: PartyId, membership: Membership | undefined, memory: Memory = siteMemory): void {
  if (membership === undefined) memory.removeItem(keyOf(party));
  else memory.setItem(keyOf(party), JSON.stringify(membership));
}

function keyOf(party: PartyId): string {
  return `undead.party.${party}`;
}
