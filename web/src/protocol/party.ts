// JSON bodies and events about parties. Mirrors crates/protocol/src/party.rs.

import type { ItemId } from './item';
import type { StreamId } from './stream';

/** 32 lower-case hex digits. */
export type PartyId = string;

/** Who decides what plays. */
export type Policy = 'host' | 'vote';

/** Who may find and join a party: all, those who know its id, those who are invited. */
export type Access = 'public' | 'unlisted' | 'private';

/** What happens at the end of the entry that plays while the host is away. */
export type HostLoss = 'wait' | 'continue' | 'hand_over' | 'vote';

/** What the host can set. */
export interface Settings {
  members_suggest: boolean;
  needs_account: boolean;
  on_host_loss: HostLoss;
  shows_votes: boolean;
  /** 1 to 100. */
  skip_percent: number;
  is_fair: boolean;
  keeps_entries: boolean;
  default_item_id?: ItemId;
  /** 0 for never. */
  wait_ms: number;
}

/** Body of `POST /api/parties`. */
export interface CreateParty {
  title: string;
  policy: Policy;
  access: Access;
  name: string;
  settings?: Settings;
}

/** Most characters of a member's name. */
export const MAX_NAME_CHARS = 40;
/** Most characters of a chat message. */
export const MAX_MESSAGE_CHARS = 500;

/** What proves that its holder is a member. */
export interface Membership {
  member_id: string;
  /** A secret. */
  token: string;
}

/** Answer to `POST /api/parties`. */
export interface PartyCreated {
  party_id: PartyId;
  url: string;
  member: Membership;
}

/** Body of `POST /api/parties/{party_id}/join`. */
export interface JoinParty {
  name: string;
  invitation?: string;
}

/** A party, as listed. */
export interface PartySummary {
  party_id: PartyId;
  title: string;
  policy: Policy;
  access: Access;
  host_name: string;
  present: number;
  /** Title of what plays. */
  playing?: string;
  needs_account: boolean;
  /** Unix epoch. */
  created_at_ms: number;
}

/** Answer to `GET /api/parties`. */
export interface PartyPage {
  parties: PartySummary[];
  /** Left out on the last page. */
  next_cursor?: string;
}

/** A member. */
export interface Member {
  member_id: string;
  name: string;
  /** 0 to 359 degrees. */
  hue: number;
  has_account?: boolean;
  is_present: boolean;
  is_muted?: boolean;
  /** Unix epoch. */
  joined_at_ms: number;
}

/** An item or live stream that is to be played. */
export interface Entry {
  entry_id: string;
  item_id?: ItemId;
  stream_id?: StreamId;
  title: string;
  artist?: string;
  /** A path below the site's root. */
  poster_url?: string;
  /** Left out for a live stream. */
  duration_ms?: number;
  is_video?: boolean;
  /** 64 hex digits. */
  hash: string;
  added_by: string;
  is_suggestion?: boolean;
  lost?: number;
}

/** At the time `at_ms` of the server's clock the position is `position_ms`, and it moves on unless `paused`. */
export interface Timeline {
  entry?: Entry;
  item_id?: ItemId;
  stream_id?: StreamId;
  position_ms: number;
  at_ms: number;
  paused: boolean;
  round: number;
  /** Members for which all wait. */
  waiting_for?: string[];
}

/** Votes for an entry. */
export interface Votes {
  entry_id: string;
  count: number;
  /** Whose they are, where the party shows it. */
  members?: string[];
}

/** A vote that is open. */
export interface Round {
  round: number;
  closes_at_ms?: number;
  votes: Votes[];
  skips: string[];
  skips_needed: number;
}

/** A vote that was closed. */
export interface ClosedRound {
  round: number;
  winner?: string;
  votes: Votes[];
  cast_at_random: number;
}

/** A chat message. */
export interface Message {
  message_id: string;
  member_id: string;
  name: string;
  text: string;
  /** Unix epoch. */
  at_ms: number;
}

/** A party, as its members see it. */
export interface PartyState {
  party_id: PartyId;
  revision: number;
  title: string;
  policy: Policy;
  acting_policy: Policy;
  access: Access;
  host: string;
  acting_host?: string;
  settings: Settings;
  people?: string[];
  members: Member[];
  queue: Entry[];
  played: Entry[];
  timeline: Timeline;
  round?: Round;
  last_round?: ClosedRound;
  chat: Message[];
  created_at_ms: number;
}

/** An entry, by any of its names. */
export interface Target {
  entry_id?: string;
  item_id?: ItemId;
  stream_id?: StreamId;
}

/** What the command `set` changes; what is left out stays. */
export interface ChangeParty {
  title?: string;
  policy?: Policy;
  access?: Access;
  settings?: Settings;
  people?: string[];
}

/** What a member can do. */
export type Command =
  | ({ command: 'queue' | 'play' | 'remove' | 'accept' | 'vote' } & Target)
  | { command: 'pause' | 'next' | 'previous' | 'skip' | 'end' }
  | { command: 'seek'; position_ms: number }
  | ({ command: 'move'; to: number } & Target)
  | { command: 'hand_over' | 'kick'; member_id: string }
  | { command: 'mute'; member_id: string; on: boolean }
  | { command: 'chat'; text: string }
  | { command: 'rename'; name: string }
  | ({ command: 'set' } & ChangeParty);

/** Body of `POST /api/parties/{party_id}/commands`. */
export type PartyCommand = Command & {
  /** Only if the party still has this revision. */
  if_revision?: number;
  /** `queue` and `chat` with that of an earlier call change nothing. */
  request_id?: string;
};

/** Answer to `POST /api/parties/{party_id}/commands`. */
export interface CommandDone {
  revision: number;
}

/** Body of `POST /api/parties/{party_id}/report`. */
export interface ReportPlayback {
  /** How much later than the timeline the member hears, in ms. */
  error_ms?: number;
  is_buffering?: boolean;
}

/** What a member reported: an element of the event `presence`. */
export type MemberReport = ReportPlayback & { member_id: string };

/** Why a party is over for a member. */
export type EndReason = 'ended' | 'kicked' | 'left';
