// JSON bodies and events about parties. Mirrors crates/protocol/src/party.rs.

import type { ItemId } from './item';
import type { StreamId } from './stream';

/** 32 lower-case hex digits. */
export type PartyId = string;

/** Who decides what plays: the host, or the members by voting for the next entry while one plays. */
export type Policy = 'host' | 'vote';

/** Who may join: everyone, and the party is listed; everyone who knows its id; invited people and those on its list. */
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
  /** Percentage of the present members, 1 to 100, that must ask to skip an entry. */
  skip_percent: number;
  /**
   * Fair voting: an entry gains weight by losing rounds, and no member's entries win a third time in a row while others
   * have entries.
   */
  is_fair: boolean;
  /** Entries stay when the member that added them leaves. */
  keeps_entries: boolean;
  /** What plays while there is nothing else. */
  default_item_id?: ItemId;
  /** Longest time per entry, ms, that all members wait for those that buffer; 0 for never. */
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
  /** The creator's name; at most {@link MAX_NAME_CHARS} characters. */
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
  /** The creator, who is the host. */
  member: Membership;
}

/** Body of `POST /api/parties/{party_id}/join`. */
export interface JoinParty {
  /**
   * Created by the client, so that the call can be repeated, and a guest who joins again is the same person: `up_` and 32
   * to 60 characters of base64url.
   */
  token?: string;
  name: string;
  /** From the link of an invitation. */
  invitation?: string;
}

/** The proof of a membership. */
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
  /** Number of present members. */
  present: number;
  /** Title of the current entry. */
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
  /** Who decides what plays, according to the settings. */
  policy: Policy;
  /** Who decides now: differs from `policy` while the host is away and {@link HostLoss} says so. */
  acting_policy: Policy;
  access: PartyAccess;
  /** The host's member id. */
  host: string;
  /** The member that acts as host while the host is away. */
  acting_host?: string;
  settings: PartySettings;
  /** Names of the accounts that may join a private party. Visible to its host and operators only. */
  people?: string[];
  /** In the order of joining. */
  members: Member[];
  queue: Entry[];
  /** Played entries that are not in the queue, newest last. */
  played: Entry[];
  timeline: PartyTimeline;
  /** The open vote. */
  round?: Round;
  /** The last closed vote. */
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
  /** The member has an account with this `name`. */
  has_account?: boolean;
  /** The member is connected, or was a moment ago. */
  is_present: boolean;
  /** The member may not write messages. */
  is_muted?: boolean;
  /** Unix epoch. */
  joined_at_ms: number;
}

/** An item or live stream to be played. With a host it leaves the queue when it begins; with voting it stays. */
export interface Entry {
  entry_id: string;
  /** The item it plays, unless it is a live stream. */
  item_id?: ItemId;
  /** The live stream it plays. */
  stream_id?: StreamId;
  /** Its title when it was added. */
  title: string;
  artist?: string;
  /** A path below the site's root. */
  poster_url?: string;
  /** Left out for a live stream. */
  duration_ms?: number;
  is_video?: boolean;
  /** Tie-breaker: of entries with equal votes, the one with the lowest digest wins. */
  hash: string;
  /** The member that added it. */
  added_by: string;
  /** Still waiting for the host's acceptance. */
  is_suggestion?: boolean;
  /** How many rounds it has lost since it last played. */
  lost?: number;
}

/**
 * What plays, and since when: at the server's time `at_ms` the position is `position_ms`, and it advances with that
 * clock unless `paused`. `at_ms` may be in the future; until then the previous entry continues.
 */
export interface PartyTimeline {
  /** Left out if nothing plays. */
  entry?: Entry;
  item_id?: ItemId;
  stream_id?: StreamId;
  /** For a live stream: the delay behind its capture, the same for all members. */
  position_ms: number;
  /** Unix epoch, by the clock of `POST /api/clock`. */
  at_ms: number;
  paused: boolean;
  /** Number of entries that have played. */
  round: number;
  /** Members that buffer while all others wait. */
  waiting_for?: string[];
}

/** An open vote. */
export interface Round {
  /** The round of the timeline. */
  round: number;
  /** When it closes, Unix epoch; left out while the current entry is paused or live. */
  closes_at_ms?: number;
  votes: Votes[];
  /** Members that ask to skip. */
  skips: string[];
  /** How many members must ask to skip. */
  skips_needed: number;
}

/** Votes for an entry. */
export interface Votes {
  entry_id: string;
  count: number;
  /** The voters, if the party shows them. */
  members?: string[];
}

/** A closed vote. */
export interface ClosedRound {
  round: number;
  /** The entry that won; left out if there was nothing to vote for. */
  winner?: string;
  /** Including those cast at random. */
  votes: Votes[];
  /** Votes cast at random for present members who had not voted. */
  cast_at_random: number;
}

/** A chat message. */
export interface Message {
  message_id: string;
  member_id: string;
  /** The member's name at the time. */
  name: string;
  /** Plain text. */
  text: string;
  /** Unix epoch. */
  at_ms: number;
}

/** An entry, identified by its entry, item or stream id. */
export interface Target {
  entry_id?: string;
  item_id?: ItemId;
  stream_id?: StreamId;
}

/** A command of a member. */
export type PartyAction =
  /**
   * `queue` adds at the end; `play` resumes, or plays this entry now; `accept` accepts a suggestion; `vote` replaces an
   * earlier vote.
   */
  | ({ command: 'queue' | 'play' | 'remove' | 'accept' | 'vote' } & Target)
  | { command: 'pause' | 'next' | 'previous' | 'skip' | 'end' }
  | { command: 'seek'; position_ms: number }
  /** Moves an entry to this index of the queue, from 0. */
  | ({ command: 'move'; to: number } & Target)
  | { command: 'hand_over' | 'kick'; member_id: string }
  | { command: 'mute'; member_id: string; on?: boolean }
  | { command: 'chat'; text: string }
  | { command: 'rename'; name: string }
  | ({ command: 'set' } & ChangeParty);

/** Body of `POST /api/parties/{party_id}/commands`. */
export type PartyCommand = PartyAction & {
  /** Execute the command only if the party still has this revision. */
  if_revision?: number;
  /** 1 to 32 characters `a-z`, `0-9`, `-`: repeats of `queue` and `chat` with the same id change nothing. */
  request_id?: string;
};

/** Changes by the command `set`; omitted fields stay unchanged. */
export interface ChangeParty {
  title?: string;
  policy?: Policy;
  access?: PartyAccess;
  /** Replaces all settings. */
  settings?: PartySettings;
  /** Replaces the list of accounts that may join a private party. */
  people?: string[];
}

/** Answer to `POST /api/parties/{party_id}/commands`. */
export interface CommandDone {
  /** The revision that contains the change. */
  revision: number;
}

/** Body of `POST /api/parties/{party_id}/report`. */
export interface ReportPlayback {
  /**
   * How much later than the timeline the member hears the sound, ms; negative if earlier. Left out while nothing is
   * heard.
   */
  error_ms?: number;
  /** The member is waiting for media. */
  is_buffering?: boolean;
}

/** A member's report. */
export interface MemberReport extends ReportPlayback {
  member_id: string;
}

/** The event `presence`: the reports that changed. */
export interface Presence {
  members: MemberReport[];
}

/** The event `changed`. */
export interface PartyChanged {
  revision: number;
  /**
   * New and changed members are in `members`, those that left in `left`. Every other field holds its complete new
   * value, and `null` removes it. Messages arrive as events `chat` instead.
   */
  changes: { members?: Member[]; left?: string[]; [field: string]: unknown };
}

/** Why the party is over for this member: it ended for all, the member was removed, or it left in another window. */
export type EndReason = 'ended' | 'kicked' | 'left';

/** The event `ended`: the party is over for the member. */
export interface PartyEnded {
  reason: EndReason;
}
