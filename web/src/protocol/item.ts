// JSON bodies about the library: items and their manifests. Mirrors crates/protocol/src/item.rs.

import type { StreamId, Visibility } from './stream';

/** 32 lower-case hex digits. */
export type ItemId = string;

/** A recorded stream, an uploaded file, or the result of a job. */
export type ItemKind = 'recording' | 'upload' | 'job';

/** `growing`: still being recorded, but already playable. `processing`: its upload is being read. */
export type ItemState = 'growing' | 'processing' | 'ready' | 'failed';

/** A track of an item. */
export interface ItemTrack {
  kind: string;
  /** As in the `codecs` parameter of a MIME type. */
  codec: string;
}

/** A preview picture for the time line. */
export interface Preview {
  /** The time of the item that it shows. */
  at_ms: number;
  /** A path below the site's root. */
  url: string;
}

/** A part of a song. */
export type Stem = 'vocals' | 'accompaniment';

/** The items that a job made of a song. */
export interface Stems {
  vocals: ItemId;
  accompaniment: ItemId;
}

/** An item, as listed. */
export interface Item {
  item_id: ItemId;
  kind: ItemKind;
  title: string;
  artist?: string;
  album?: string;
  tags: string[];
  visibility: Visibility;
  /** The account that it belongs to; left out if it belongs to operators alone. */
  owner?: string;
  /** Unix epoch. */
  created_at_ms: number;
  duration_ms: number;
  bytes: number;
  tracks: ItemTrack[];
  state: ItemState;
  /** Progress of reading its upload while `processing`, in percent. */
  processed_percent?: number;
  /** Why it failed. */
  error?: string;
  stream_id?: StreamId;
  /** A path below the site's root. */
  poster_url?: string;
  /** In order of time. */
  previews?: Preview[];
  /** Which part of a song it contains. */
  stem?: Stem;
  /** For a stem: its song. Only in answers about single items, as is `stems`. */
  source?: ItemId;
  /** For a song and its stems. */
  stems?: Stems;
  /** Where its wave form is, a path below the site's root. */
  waveform_url?: string;
  /** Integrated loudness (EBU R128), in hundredths of LUFS. */
  loudness_centi_lufs?: number;
  /** True peak, in hundredths of dBTP. */
  true_peak_centi_db?: number;
  /** Where its lyrics (LRC) are, a path below the site's root. */
  lyrics_url?: string;
  /** It was deleted, and can be restored until then; Unix epoch. */
  deleted_until_ms?: number;
}

/** Body of `PATCH /api/library/{item_id}`; omitted fields stay unchanged. */
export interface ChangeItem {
  title?: string;
  artist?: string;
  album?: string;
  tags?: string[];
  visibility?: Visibility;
  passphrase?: string;
  /** `false` restores a deleted item. */
  deleted?: boolean;
}

/** Answer to `GET /api/library`. */
export interface ItemPage {
  items: Item[];
  /** Total over all pages. */
  total: number;
  /** Left out on the last page. */
  next_cursor?: string;
}

/** Body of `POST /api/library/{item_id}/play`. */
export interface PlayItem {
  passphrase?: string;
  invitation?: string;
}

/** Answer to `POST /api/library/{item_id}/play`. */
export interface Playable {
  /** Permits to read the item's media from any node. A secret. */
  grant: string;
  expires_in_s: number;
  /** Addresses of nodes, in the order to try them. */
  nodes: string[];
}

/** Bytes in the object store. */
export interface BlobName {
  /** BLAKE3 of the bytes, 64 lower-case hex digits. */
  hash: string;
  bytes: number;
}

/** A piece of media that can be decoded after its init segment alone. */
export interface Fragment extends BlobName {
  /** In the item's time. */
  start_ms: number;
  /** Until the next one begins. */
  duration_ms: number;
}

/** A take in one format. */
export interface TakeFormat {
  /** The type for MSE, with codecs. */
  mime: string;
  /** Left out if the format has none, such as bare MP3. */
  init?: BlobName;
  fragments: Fragment[];
}

/** Fragments that share one init segment. */
export interface ManifestTake extends TakeFormat {
  /** When the take's own time 0 is in the item; negative where the recording began within the take. */
  offset_ms?: number;
  /** The same frames in other formats. */
  alternatives?: TakeFormat[];
}

/** Answer to `GET {node}/library/{item_id}/manifest`. */
export interface Manifest {
  item_id: ItemId;
  /** Still being recorded: more will follow. */
  is_growing?: boolean;
  /** In playback order. */
  takes: ManifestTake[];
}
