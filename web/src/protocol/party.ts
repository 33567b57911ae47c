// JSON bodies and events about parties. Mirrors crates/protocol/src/party.rs.

import type { ItemId } from './item';
import type { StreamId } from './stream';

/** 32 lower-case hex digits. */
export type PartyId = string;

/** Who decides what plays: the host, or the members, who vote for the next entry while one plays. */
export type Policy = 'host' | 'vote';

/** Who may join: everybody, and it is listed; everybody who knows its id; those who are invited or on its list. */
export type PartyAccess = 'public' | 'unlisted' | 'private';

/** What happens at the end of the entry that plays while the host is away. */
export type HostLoss = 'wait' | 'continue' | 'hand_over' | 'vote';

/** What the host can set. */
export interface PartySettings {
  /** Members may add entries; with a host they are suggestions until the host accepts them. */
  members_suggest: boolean;
  needs_account: boolean;
  on_host_loss: HostLoss;
  /** Members see who voted for what. The counts are always shown. */
  shows_votes: boolean;
  /** Per cent of the members that are present, from 1 to 100, that skip an entry by asking for it. */
  skip_percent: number;
  /** An entry gains by losing rounds, and no member's entries win a third time in a row while others have some. */
  is_fair: boolean;
  /** Entries stay when the member that added them leaves. */
  keeps_entries: boolean;
  /** What plays while there is nothing else. */
  default_item_id?: ItemId;
  /** Longest time per entry that all wait for members that have to buffer; 0 for never. */
  wait_ms: number;
}

/** The settings that a party begins with. */
export const DEFAULT_SETTINGS: PartySettings = {
  members_suggest: true,
  needs_account: false,
  on_host_loss: 'continue',
  shows_votes: true,
  skip_percent: 51,
  is_fair: false,
  keeps_entries: true,
  wait_ms: 3_000,
};

/** Body of `POST /api/parties`. */
export interface CreateParty {
  title: string;
  policy: Policy;
  access: PartyAccess;
  /** What the maker is called; at most {@link MAX_NAME_CHARS} characters. */
  name: string;
  settings?: PartySettings;
}

/** Most characters of a member's name. */
export const MAX_NAME_CHARS = 40;
/** Most characters of a chat message. */
export const MAX_MESSAGE_CHARS = 500;

/** Answer to `POST /api/parties`. */
export interface PartyCreated {
  party_id: PartyId;
  /** Its page, a path on the main server's origin. */
  url: string;
  /** The maker, who is host. */
  member: Membership;
}

/** Body of `POST /api/parties/{party_id}/join`. */
export interface JoinParty {
  /** Made by the client, so that the call can be repeated: `up_` and 32 to 60 characters of base64url. */
  token?: string;
  name: string;
  /** From the link of an invitation. */
  invitation?: string;
}

/** What proves that its holder is a member. */
export interface Membership {
  member_id: string;
  /** The bearer token of the member's calls. A secret. */
  token: string;
}

/** A party, as listed. */
export interface PartySummary {
  party_id: PartyId;
  title: string;
  policy: Policy;
  access: PartyAccess;
  host_name: string;
  /** How many members are present. */
  present: number;
  /** Title of what plays. */
  playing?: string;
  needs_account: boolean;
  /** Unix epoch. */
  created_at_ms: number;
}

/** Answer to `GET /api/parties`: newest first. */
export interface PartyPage {
  parties: PartySummary[];
  /** Left out on the last page. */
  next_cursor?: string;
}

/** A party, as its members see it: answer to `GET /api/parties/{party_id}`, and the event `snapshot`. */
export interface PartyState {
  party_id: PartyId;
  /** Grows with every change. */
  revision: number;
  title: string;
  /** Who decides what plays, as it was set. */
  policy: Policy;
  /** Who decides now: another one while the host is away and {@link HostLoss} says so. */
  acting_policy: Policy;
  access: PartyAccess;
  /** The member that is host. */
  host: string;
  /** The member that acts as host while that one is away. */
  acting_host?: string;
  settings: PartySettings;
  /** Names of the accounts that may join a private party. Its host and operators alone see them. */
  people?: string[];
  /** In the order of joining. */
  members: Member[];
  queue: Entry[];
  /** What was played, newest last, without what is in the queue. */
  played: Entry[];
  timeline: PartyTimeline;
  /** The vote that is open. */
  round?: Round;
  /** The vote that was closed last. */
  last_round?: ClosedRound;
  /** The newest messages, oldest first. */
  chat: Message[];
  /** Unix epoch. */
  created_at_ms: number;
}

/** A member. */
export interface Member {
  member_id: string;
  name: string;
  /** Hue of the member's colour, from 0 to 359 degrees. */
  hue: number;
  /** The member has an account, of which the name is `name`. */
  has_account?: boolean;
  /** The member is connected, or was a moment ago. */
  is_present: boolean;
  /** The member may not write messages. */
  is_muted?: boolean;
  /** Unix epoch. */
  joined_at_ms: number;
}

/** An item or live stream that is to be played. With a host it leaves the queue when it begins; in a vote it stays. */
export interface Entry {
  entry_id: string;
  /** What it plays: an item… */
  item_id?: ItemId;
  /** …or a live stream. */
  stream_id?: StreamId;
  /** Its title when it was added. */
  title: string;
  artist?: string;
  /** A path below the site's root. */
  poster_url?: string;
  /** Left out for a live stream. */
  duration_ms?: number;
  is_video?: boolean;
  /** Of entries with equal votes the one wins whose digest is first. */
  hash: string;
  /** The member that added it. */
  added_by: string;
  /** The host has yet to accept it. */
  is_suggestion?: boolean;
  /** How many rounds it has lost since it last played. */
  lost?: number;
}

/**
 * What plays since when: at the server's time `at_ms` the position is `position_ms`, and it moves on with that clock unless `paused`.
 * `at_ms` may be in the future: until then goes on what played before.
 */
export interface PartyTimeline {
  /** Left out if nothing plays. */
  entry?: Entry;
  item_id?: ItemId;
  stream_id?: StreamId;
  /** Of a live stream: how far behind its capture all members are. */
  position_ms: number;
  /** Unix epoch, by the clock of `POST /api/clock`. */
  at_ms: number;
  paused: boolean;
  /** Counts the entries that have played. */
  round: number;
  /** Members for which all wait while they buffer. */
  waiting_for?: string[];
}

/** A vote that is open. */
export interface Round {
  /** That of the timeline. */
  round: number;
  /** When it closes, Unix epoch; left out while what plays is paused, or live. */
  closes_at_ms?: number;
  votes: Votes[];
  /** Members that ask to skip. */
  skips: string[];
  /** How many have to ask. */
  skips_needed: number;
}

/** Votes for an entry. */
export interface Votes {
  entry_id: string;
  count: number;
  /** Whose they are, where the party shows it. */
  members?: string[];
}

/** A vote that was closed. */
export interface ClosedRound {
  round: number;
  /** The entry that won; left out if there was nothing to vote for. */
  winner?: string;
  /** With those cast at random. */
  votes: Votes[];
  /** How many were cast at random, for members that were present and had not voted. */
  cast_at_random: number;
}

/** A chat message. */
export interface Message {
  message_id: string;
  member_id: string;
  /** What the member was called. */
  name: string;
  /** Plain text. */
  text: string;
  /** Unix epoch. */
  at_ms: number;
}

/** An entry, by any of its names. */
export interface Target {
  entry_id?: string;
  item_id?: ItemId;
  stream_id?: StreamId;
}

/** What a member can do. */
export type PartyAction =
  /** `queue` adds at the end; `play` goes on, or plays this entry now; `accept` takes a suggestion; `vote` replaces an earlier vote. */
  | ({ command: 'queue' | 'play' | 'remove' | 'accept' | 'vote' } & Target)
  | { command: 'pause' | 'next' | 'previous' | 'skip' | 'end' }
  | { command: 'seek'; position_ms: number }
  /** To a new place within the queue, from 0. */
  | ({ command: 'move'; to: number } & Target)
  | { command: 'hand_over' | 'kick'; member_id: string }
  | { command: 'mute'; member_id: string; on?: boolean }
  | { command: 'chat'; text: string }
  | { command: 'rename'; name: string }
  | ({ command: 'set' } & ChangeParty);

/** Body of `POST /api/parties/{party_id}/commands`. */
export type PartyCommand = PartyAction & {
  /** Does it only if the party still has this revision. */
  if_revision?: number;
  /** 1 to 32 characters `a-z`, `0-9`, `-`: `queue` and `chat` with those of an earlier call change nothing. */
  request_id?: string;
};

/** What the command `set` changes; what is left out stays. */
export interface ChangeParty {
  title?: string;
  policy?: Policy;
  access?: PartyAccess;
  /** All settings. */
  settings?: PartySettings;
  /** All names of the accounts that may join a private party. */
  people?: string[];
}

/** Answer to `POST /api/parties/{party_id}/commands`. */
export interface CommandDone {
  /** The revision that has the change. */
  revision: number;
}

/** Body of `POST /api/parties/{party_id}/report`. */
export interface ReportPlayback {
  /** How much later than the timeline the member hears; negative if earlier. Left out while nothing is heard. */
  error_ms?: number;
  /** The member waits for media. */
  is_buffering?: boolean;
}

/** What a member reported. */
export interface MemberReport extends ReportPlayback {
  member_id: string;
}

/** The event `presence`: what members reported, of those for whom it changed. */
export interface Presence {
  members: MemberReport[];
}

/** The event `changed`. */
export interface PartyChanged {
  revision: number;
  /**
   * The members that are new or changed are in `members`, those that left in `left`; every other field of the state is whole, and
   * `null` removes one. Messages come as events `chat` instead.
   */
  changes: { members?: Member[]; left?: string[]; [field: string]: unknown };
}

/** Why a party is over for a member: for all; the member was removed; it left, in another window. */
export type EndReason = 'ended' | 'kicked' | 'left';

/** The event `ended`: the party is over for the member. */
export interface PartyEnded {
  reason: EndReason;
}
