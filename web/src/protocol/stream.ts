// JSON bodies about streams. Mirrors crates/protocol/src/stream.rs.

/** Most bytes a preview picture may have. */
export const MAX_THUMBNAIL_BYTES = 256 * 1024;

/** How long nodes wait for a broadcaster that left before they end its stream. */
export const GRACE_MS = 30_000;

/** Lower-case hex MD5, 32 digits. */
export type StreamId = string;

/** Who may watch: everyone; everyone with the link, which no list shows; those with a passphrase or an invitation. */
export type Visibility = 'public' | 'unlisted' | 'private';

/** `interrupted`: the broadcaster went missing and may come back within the grace period. */
export type StreamState = 'created' | 'live' | 'interrupted' | 'ended';

/** Body of `POST /api/streams`. */
export interface CreateStream {
  /** See {@link cleanTitle}. */
  title: string;
  visibility?: Visibility;
  passphrase?: string;
  /** The link alone is not enough: an invitation is needed, or the passphrase if there is one. */
  invitation_only?: boolean;
  /** Record it into the library. */
  record?: boolean;
}

/** Body of `PUT /api/streams/{id}/recording`. */
export interface SetRecording {
  on: boolean;
}

/** A node in an assignment. */
export interface NodeAddress {
  /** An absolute URL, or a path on the main server's origin. */
  public_url: string;
}

/** A grant and where to use it, first choice first. */
export interface Assignment {
  grant: string;
  nodes: NodeAddress[];
  /** For viewers: the stream they were admitted to. */
  stream?: StreamInfo;
  /** How long the grant lasts; left out by older main servers. */
  expires_in_s?: number;
}

/** Answer to `POST /api/streams/{id}/renew`. */
export interface RenewedGrant {
  grant: string;
  expires_in_s: number;
}

/** Answer to `POST /api/streams`. */
export interface StreamCreated {
  stream_id: StreamId;
  title: string;
  /** The page to share, a path on the main server's origin. */
  watch_url: string;
  publish: Assignment;
  /** The library item of its recording, if it is recorded. */
  recording?: string;
}

/** Body of `POST /api/streams/{id}/watch` and `/publish`. */
export interface AskForNodes {
  passphrase?: string;
  /** From the link of an invitation. */
  invitation?: string;
  /** `public_url`s of nodes that the client just lost. */
  avoid?: string[];
  /** The region to be served from, if there is room. */
  region?: string;
}

/** One stream, as listed. */
export interface StreamInfo {
  stream_id: StreamId;
  title: string;
  /** When it first went live, or was created if it has not; Unix epoch. 0 if concealed, see isConcealed. */
  started_at_ms: number;
  /** On all nodes. */
  viewers: number;
  state: StreamState;
  /** Null before it is live. */
  mime: string | null;
  /** The newest preview picture, a path on the main server's origin; changes with the picture. */
  thumbnail_url?: string;
  /** Time until an interrupted stream ends unless its broadcaster returns. Not in lists. */
  ends_in_ms?: number;
  /** Public if left out. */
  visibility?: Visibility;
  /** The library item of its current recording, playable from its start while it grows. */
  recording?: string;
}

/** Whether the caller may see only the state of this stream: it has a passphrase, and the call had no grant. */
export function isConcealed(stream: StreamInfo): boolean {
  return stream.started_at_ms === 0;
}
