// An item as one file, assembled from its fragments; those stored in this browser are not fetched again. Items of
// several takes, whose timelines would have to be joined, are left to the server's download. No DOM.

import type { BlobName, Manifest, ManifestTake, TakeFormat } from '../protocol/item';
import type { Fetcher } from './fetcher';

/** Number of parallel fetches. */
const AT_ONCE = 3;
const PLAIN_MP3 = 'audio/mpeg';

/** The progress of a download. */
export interface DownloadProgress {
  totalBytes: number;
  /** The part that was already stored in this browser. */
  keptBytes: number;
  /** The part fetched over the network so far. */
  fetchedBytes: number;
}

/** Dependencies of a download. */
export interface DownloadSetup {
  fetcher: Pick<Fetcher, 'open'>;
  /** Returns those of the hashes that are stored. */
  among: (hashes: readonly string[]) => Promise<ReadonlySet<string>>;
  progress: (progress: DownloadProgress) => void;
  signal: AbortSignal;
}

/** Whether this browser can assemble the item. */
export function canAssemble(manifest: Manifest): boolean {
  return manifest.takes.length === 1 && manifest.is_growing !== true;
}

/**
 * Assembles the file, in the format of which most is stored.
 *
 * @throws CallError if a fragment cannot be loaded; or the signal's reason.
 */
export async function download(manifest: Manifest, setup: DownloadSetup): Promise<Blob> {
  const [take] = manifest.takes;
  if (take === undefined) throw new Error('the item has no media');
  const formats = formatsOf(take);
  const kept = await setup.among(formats.flatMap(blobsOf).map(({ hash }) => hash));
  const keptOf = (format: TakeFormat): number => sum(blobsOf(format).filter(({ hash }) => kept.has(hash)));
  const format = formats.reduce((best, other) => (keptOf(other) > keptOf(best) ? other : best));
  const progress = { totalBytes: sum(blobsOf(format)), keptBytes: keptOf(format), fetchedBytes: 0 };
  const parts = await assembled(blobsOf(format), kept, progress, setup);
  return new Blob(parts, { type: format.mime.split(';')[0] ?? '' });
}

/** The bytes of the file that a download gives if nothing is stored; of several takes, about as many. */
export function downloadBytes(manifest: Manifest): number {
  return manifest.takes.reduce((total, take) => total + sum(blobsOf(formatsOf(take)[0] ?? take)), 0);
}

/** The formats of a take. MP3 is first as a plain file, which more players read than MP3 in MP4. */
function formatsOf(take: ManifestTake): TakeFormat[] {
  const formats: TakeFormat[] = [take, ...(take.alternatives ?? [])];
  return formats.sort((a, b) => Number(b.mime === PLAIN_MP3) - Number(a.mime === PLAIN_MP3));
}

async function assembled(
  blobs: readonly BlobName[],
  kept: ReadonlySet<string>,
  progress: DownloadProgress,
  { fetcher, progress: tell, signal }: DownloadSetup,
): Promise<Blob[]> {
  const parts: Blob[] = [];
  let next = 0;
  tell({ ...progress });
  const work = async (): Promise<void> => {
    for (let at = next++; at < blobs.length; at = next++) {
      const blob = blobs[at];
      if (blob === undefined) return;
      signal.throwIfAborted();
      const hold = fetcher.open(blob, 'download');
      const close = (): void => hold.close();
      signal.addEventListener('abort', close);
      try {
        // A Blob may be stored on disk, unlike a byte array.
        parts[at] = new Blob([await hold.bytes()]);
      } finally {
        signal.removeEventListener('abort', close);
        close();
      }
      if (!kept.has(blob.hash)) progress.fetchedBytes += blob.bytes;
      tell({ ...progress });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  signal.throwIfAborted();
  return parts;
}

function blobsOf({ init, fragments }: TakeFormat): BlobName[] {
  return init === undefined ? fragments : [init, ...fragments];
}

function sum(blobs: readonly BlobName[]): number {
  return blobs.reduce((total, { bytes }) => total + bytes, 0);
}

/** The file extension for a type. */
export function extensionOf(type: string): string {
  switch (type) {
    case 'audio/mpeg':
      return 'mp3';
    case 'audio/mp4':
      return 'm4a';
    case 'audio/aac':
      return 'aac';
    case 'audio/webm':
      return 'weba';
    case 'video/webm':
      return 'webm';
    default:
      return 'mp4';
  }
}

/** A file name that is valid on every system. */
export function fileName(title: string, extension: string): string {
  const plain = title
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f<>:"/\\|?*]+/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/^[\s.]+|[\s.]+$/g, '');
  return `${plain.slice(0, 120) || 'item'}.${extension}`;
}
