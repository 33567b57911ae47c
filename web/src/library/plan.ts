// What a player does with a manifest: for each take the format that this browser plays, and all fragments in order of time. No DOM.

import type { BlobName, Manifest, ManifestTake, TakeFormat } from '../protocol/item';

/** A take in the format that is played. */
export interface Run {
  /** Place of the take in the manifest. */
  take: number;
  mime: string;
  init: BlobName | undefined;
  /** Where the media's own time 0 is in the item. */
  offsetMs: number;
  /** Media without timestamps, which MSE lays end to end by itself. */
  isSequence: boolean;
  /** The kinds of tracks. A SourceBuffer that was made for one set takes no other. */
  tracks: 'audio' | 'video' | 'both';
}

/** A fragment to play. */
export interface Piece extends BlobName {
  /** Names it among the pieces of all versions of a manifest that grows. */
  id: string;
  run: Run;
  startMs: number;
  endMs: number;
}

/** See the head of the file. */
export interface Plan {
  /** In order of time. */
  pieces: readonly Piece[];
  durationMs: number;
  isGrowing: boolean;
  /** The types of the takes that this browser cannot play; they are left out. */
  unplayable: readonly string[];
}

/** Types whose frames carry no time (MSE byte stream registry: `audio/mpeg` and `audio/aac` generate timestamps). */
const SEQUENCE = /^audio\/(mpeg|aac)\b/;
const AUDIO_CODEC = /^(mp4a|mp3|opus|vorbis|flac|ac-3|ec-3|alac|pcm|ipcm)/i;

/** Plans `manifest` for a browser whose MSE plays what `canPlay` says. */
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

/** The manifest with each take in its format of the fewest bytes alone. */
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

/** Which kinds of tracks media of this type has. */
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

/** The place of the piece that is played at `ms`: the one that holds it, or the first one after it. */
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
