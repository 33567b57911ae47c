// A player's view of a manifest: for each take the format that this browser plays, and all fragments in order of time.
// No DOM.

import type { BlobName, Manifest, ManifestTake, TakeFormat } from '../protocol/item';

/** A take in its chosen format. */
export interface Run {
  /** Index of the take in the manifest. */
  take: number;
  mime: string;
  init: BlobName | undefined;
  /** Position of the media's own time 0 in the item. */
  offsetMs: number;
  /** Whether the media has no timestamps; MSE then places it end to end. */
  isSequence: boolean;
  /** The kinds of tracks. A SourceBuffer created for one set accepts no other. */
  tracks: 'audio' | 'video' | 'both';
}

/** A fragment to play. */
export interface Piece extends BlobName {
  /** Identifies it across all versions of a growing manifest. */
  id: string;
  run: Run;
  startMs: number;
  endMs: number;
}

/** The pieces to play. */
export interface Plan {
  /** In order of time. */
  pieces: readonly Piece[];
  durationMs: number;
  isGrowing: boolean;
  /** Types of takes that this browser cannot play; these takes are left out. */
  unplayable: readonly string[];
}

/** Types whose frames have no timestamps (MSE byte stream registry: `audio/mpeg` and `audio/aac` generate them). */
const SEQUENCE = /^audio\/(mpeg|aac)\b/;
const AUDIO_CODEC = /^(mp4a|mp3|opus|vorbis|flac|ac-3|ec-3|alac|pcm|ipcm)/i;

/** Plans `manifest` for a browser that plays the types accepted by `canPlay`. */
export function planOf(manifest: Manifest, canPlay: (mime: string) => boolean): Plan {
  const pieces: Piece[] = [];
  const unplayable: string[] = [];
  manifest.takes.forEach((take, index) => {
    const format = formatOf(take, canPlay);
    if (format === undefined) unplayable.push(take.mime);
    else pieces.push(...piecesOf(format, runOf(index, take, format)));
  });
  const ends = manifest.takes.map(({ fragments }) => endOf(fragments.at(-1)));
  return { pieces, unplayable, durationMs: Math.max(0, ...ends), isGrowing: manifest.is_growing === true };
}

/** The manifest with only the smallest format of each take. */
export function smallest(manifest: Manifest): Manifest {
  const takes = manifest.takes.map(({ offset_ms, alternatives = [], ...take }) => {
    const least = alternatives.reduce((some, other) => (bytesOf(other) < bytesOf(some) ? other : some), take);
    return offset_ms === undefined ? least : { ...least, offset_ms };
  });
  return { ...manifest, takes };
}

function bytesOf({ fragments }: TakeFormat): number {
  return fragments.reduce((sum, { bytes }) => sum + bytes, 0);
}

function formatOf(take: ManifestTake, canPlay: (mime: string) => boolean): TakeFormat | undefined {
  return [take, ...(take.alternatives ?? [])].find(({ mime }) => canPlay(mime));
}

function runOf(take: number, { offset_ms = 0 }: ManifestTake, { mime, init }: TakeFormat): Run {
  return { take, mime, init, offsetMs: offset_ms, isSequence: SEQUENCE.test(mime), tracks: tracksOf(mime) };
}

function piecesOf({ fragments }: TakeFormat, run: Run): Piece[] {
  return fragments.map(({ hash, bytes, start_ms, duration_ms }) => ({
    id: `${run.take}.${start_ms}.${hash}`,
    run,
    hash,
    bytes,
    startMs: start_ms,
    endMs: start_ms + duration_ms,
  }));
}

function endOf(fragment: { start_ms: number; duration_ms: number } | undefined): number {
  return fragment === undefined ? 0 : fragment.start_ms + fragment.duration_ms;
}

/** The kinds of tracks in media of this type. */
export function tracksOf(mime: string): Run['tracks'] {
  if (mime.startsWith('audio/')) return 'audio';
  const codecs =
    /codecs="?([^"]*)"?/
      .exec(mime)?.[1]
      ?.split(',')
      .map((codec) => codec.trim()) ?? [];
  const audio = codecs.filter((codec) => AUDIO_CODEC.test(codec)).length;
  if (audio === 0) return 'video';
  return audio === codecs.length ? 'audio' : 'both';
}

/** The index of the piece at `ms`, or of the first one after it. */
export function placeAt({ pieces }: Plan, ms: number): number {
  let from = 0;
  let to = pieces.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((pieces[middle]?.endMs ?? Infinity) <= ms) from = middle + 1;
    else to = middle;
  }
  return from;
}
