// JSON bodies about people: accounts, stream keys and invitations. Mirrors crates/protocol/src/account.rs and its neighbours.

/** `operator`: everything. `broadcaster`: goes live, with stream keys of its own. */
export type Role = 'operator' | 'broadcaster';

/** Who may create streams: everybody, holders of a stream key or an account, holders of an account. */
export type BroadcastPolicy = 'open' | 'key' | 'account';

/** Whether streams are recorded: never, where the broadcaster says so, all. */
export type RecordPolicy = 'off' | 'ask' | 'all';

/** Which clients may upload into the library: all, those with an account, none. */
export type UploadPolicy = 'open' | 'account' | 'off';

/** Which accounts may start jobs: none, the owner of the item, all. */
export type JobPolicy = 'off' | 'owner' | 'account';

/** Answer to `GET /api/me`. */
export interface Me {
  /** Null when not signed in. */
  account: { name: string; role: Role } | null;
  broadcast: BroadcastPolicy;
  /** Whether the caller may create streams, by its session or by the given stream key. */
  may_broadcast: boolean;
  /** Whether there is no operator yet. */
  setup_needed: boolean;
  /** Left out by older main servers, which record nothing. */
  record?: RecordPolicy;
  /** Left out by older main servers, which take no uploads. */
  upload?: UploadPolicy;
  may_upload?: boolean;
  /** Left out by older main servers, which have no jobs. */
  jobs?: JobPolicy;
}

/** Fewest and most characters of a password. */
export const PASSWORD_CHARS = { least: 10, most: 256 };
/** Most characters of an account's name. */
export const MAX_NAME_CHARS = 64;

/** An account, as operators see it. */
export interface AccountInfo {
  name: string;
  role: Role;
  /** Unix epoch. */
  created_at_ms: number;
}

/** A stream key, without its secret. */
export interface StreamKeyInfo {
  key_id: string;
  name: string;
  /** The account it belongs to. */
  owner: string;
  /** Unix epoch. */
  created_at_ms: number;
  /** Unix epoch; left out before its first use. */
  last_used_at_ms?: number;
}

/** A new stream key: the only answer that contains its secret. */
export interface StreamKeyMade {
  key_id: string;
  name: string;
  key: string;
}

/** Body of `POST /api/streams/{id}/invitations`. */
export interface NewInvitation {
  /** How often it lets a viewer in; unlimited if left out. */
  uses?: number;
  expires_in_s?: number;
  name?: string;
}

/** A new invitation: the only answer that contains its link. */
export interface InvitationMade {
  invitation_id: string;
  /** The token that a viewer's page sends. */
  invitation: string;
  /** A path on this site, or an absolute URL. */
  url: string;
}

/** An invitation, as the broadcaster sees it. */
export interface InvitationInfo {
  invitation_id: string;
  name?: string;
  /** Unlimited if left out. */
  uses?: number;
  /** How often it has let a viewer in. */
  used: number;
  /** Unix epoch. */
  created_at_ms: number;
  /** Unix epoch; it does not expire if left out. */
  expires_at_ms?: number;
}
