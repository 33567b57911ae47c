// Applies a party's events to its state. Pure: every event creates a new state.

import type { ServerEvent } from '../api/event-stream';
import type {
  Member,
  Message,
  PartyChanged,
  PartyEnded,
  PartyState,
  Presence,
  ReportPlayback,
} from '../protocol/party';

/** Number of messages kept; the server keeps as many. */
const MOST_MESSAGES = 100;

/** One event of `GET /api/parties/{party_id}/events`. */
export type PartyEvent =
  | { type: 'snapshot'; data: PartyState }
  | { type: 'changed'; data: PartyChanged }
  | { type: 'chat'; data: Message }
  | { type: 'presence'; data: Presence }
  | { type: 'ended'; data: PartyEnded };

const TYPES = ['snapshot', 'changed', 'chat', 'presence', 'ended'] as const;

/** Parses an event; undefined if it is unknown or unreadable. */
export function readEvent({ type, data }: ServerEvent): PartyEvent | undefined {
  const known = TYPES.find((name) => name === type);
  if (known === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? ({ type: known, data: value } as PartyEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** The state after `changed`. An older revision changes nothing. */
export function applyChanged(state: PartyState, { revision, changes }: PartyChanged): PartyState {
  if (revision <= state.revision) return state;
  const { members, left, ...fields } = changes;
  const all: Record<string, unknown> = {
    ...state,
    ...fields,
    revision,
    members: membersAfter(state.members, members ?? [], left ?? []),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) as unknown as PartyState;
}

/** Members in order of joining; changed ones keep their place. */
function membersAfter(before: readonly Member[], changed: readonly Member[], left: readonly string[]): Member[] {
  const byId = new Map(before.map((member) => [member.member_id, member]));
  for (const id of left) byId.delete(id);
  for (const member of changed) byId.set(member.member_id, member);
  return [...byId.values()];
}

/** The state with one more message, unless it already has that message. */
export function applyChat(state: PartyState, message: Message): PartyState {
  if (state.chat.some(({ message_id }) => message_id === message.message_id)) return state;
  return { ...state, chat: [...state.chat, message].slice(-MOST_MESSAGES) };
}

/** The reports after new ones; those of former members are removed. */
export function applyPresence(
  reports: ReadonlyMap<string, ReportPlayback>,
  { members }: Presence,
  state: PartyState | undefined,
): ReadonlyMap<string, ReportPlayback> {
  const next = new Map(reports);
  for (const { member_id, ...report } of members) next.set(member_id, report);
  if (state === undefined) return next;
  const here = new Set(state.members.filter(({ is_present }) => is_present).map(({ member_id }) => member_id));
  return new Map([...next].filter(([id]) => here.has(id)));
}
