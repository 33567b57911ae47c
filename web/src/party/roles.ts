// The roles and rights of members, derived from the party's state. Pure.

import type { Entry, Member, PartyState } from '../protocol/party';

/** The current leader: the host, or the acting host while the host is away. */
export function leader(state: PartyState): string {
  return state.acting_host ?? state.host;
}

/** Whether `me` may control playback, the queue and the members. Operators of the server may, too. */
export function leads(state: PartyState, me: string | undefined, isOperator = false): boolean {
  return hosts(state, me, isOperator) || (me !== undefined && leader(state) === me);
}

/** Whether `me` has the host's exclusive rights: settings, handing over, inviting, ending. */
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

/** The present members. */
export function present(state: PartyState): Member[] {
  return state.members.filter(({ is_present }) => is_present);
}

/** The accepted entries of the queue, in order. */
export function accepted(state: PartyState): Entry[] {
  return state.queue.filter(({ is_suggestion }) => is_suggestion !== true);
}

/** The suggestions that wait for the host. */
export function suggested(state: PartyState): Entry[] {
  return state.queue.filter(({ is_suggestion }) => is_suggestion === true);
}

/** All members: leaders first, then present ones in order of joining, absent ones last. */
export function inOrder(state: PartyState): Member[] {
  const rank = (member: Member): number => {
    if (member.member_id === leader(state)) return 0;
    if (member.member_id === state.host) return 1;
    return member.is_present ? 2 : 3;
  };
  return [...state.members].sort((a, b) => rank(a) - rank(b));
}

/** Whether the party was paused by a person, not because it waits for members. */
export function isHalted({ timeline }: PartyState): boolean {
  return timeline.paused && (timeline.waiting_for ?? []).length === 0;
}
