// What a member may do and who is who in a party, read from its state. Pure.

import type { Entry, Member, PartyState } from '../protocol/party';

/** The member who leads now: the host, or the one that acts as host while that one is away. */
export function leader(state: PartyState): string {
  return state.acting_host ?? state.host;
}

/** Whether `me` may lead: what plays, the queue, who is here. Operators of the server may, too. */
export function leads(state: PartyState, me: string | undefined, isOperator = false): boolean {
  return hosts(state, me, isOperator) || (me !== undefined && leader(state) === me);
}

/** Whether `me` may do what the host alone may: set, hand over, invite, end. */
export function hosts(state: PartyState, me: string | undefined, isOperator = false): boolean {
  return me !== undefined && (isOperator || state.host === me);
}

/** Whether `me` may add entries, as suggestions or not. */
export function mayAdd(state: PartyState, me: string | undefined, isOperator = false): boolean {
  return me !== undefined && (state.settings.members_suggest || leads(state, me, isOperator));
}

/** The member with this id, if there is one. */
export function memberOf(state: PartyState, id: string): Member | undefined {
  return state.members.find(({ member_id }) => member_id === id);
}

/** Those who are here. */
export function present(state: PartyState): Member[] {
  return state.members.filter(({ is_present }) => is_present);
}

/** What comes next, in order: the queue without suggestions. */
export function accepted(state: PartyState): Entry[] {
  return state.queue.filter(({ is_suggestion }) => is_suggestion !== true);
}

/** What members would like to hear, and the host has yet to accept. */
export function suggested(state: PartyState): Entry[] {
  return state.queue.filter(({ is_suggestion }) => is_suggestion === true);
}

/** Leaders first, then those who are here, in the order of joining; those who are away last. */
export function inOrder(state: PartyState): Member[] {
  const rank = (member: Member): number => {
    if (member.member_id === leader(state)) return 0;
    if (member.member_id === state.host) return 1;
    return member.is_present ? 2 : 3;
  };
  return [...state.members].sort((a, b) => rank(a) - rank(b));
}

/** Whether the party stands because it was halted, and not because it waits for members. */
export function isHalted({ timeline }: PartyState): boolean {
  return timeline.paused && (timeline.waiting_for ?? []).length === 0;
}
