// An item as one file, put together from its fragments: what this browser keeps is not fetched again. Items of several takes, whose
// timelines would have to be joined, are left to the server's download. No DOM.

import type { BlobName, Manifest, TakeFormat } from '../protocol/item';
import type { Fetcher } from './fetcher';

/** Fragments that are asked for at once. */
const AT_ONCE = 3;

/** How far a download is. */
export interface DownloadProgress {
  totalBytes: number;
  /** Of these, what was kept in this browser before. */
  keptBytes: number;
  /** What came over the network so far. */
  fetchedBytes: number;
}

/** What a download works with. */
export interface DownloadSetup {
  fetcher: Pick<Fetcher, 'open'>;
  /** Those of the hashes that are kept. */
  among: (hashes: readonly string[]) => Promise<ReadonlySet<string>>;
  progress: (progress: DownloadProgress) => void;
  signal: AbortSignal;
}

/** Whether an item can be put together here. */
export function canAssemble(manifest: Manifest): boolean {
  return manifest.takes.length === 1 && manifest.is_growing !== true;
}

/**
 * The file. Of the formats of the item it has the one of which most is kept.
 *
 * @throws CallError where a fragment cannot be had, and the signal's reason.
 */
export async function download(manifest: Manifest, setup: DownloadSetup): Promise<Blob> {
  const [take] = manifest.takes;
  if (take === undefined) throw new Error('the item has no media');
  const formats: TakeFormat[] = [take, ...(take.alternatives ?? [])];
  const kept = await setup.among(formats.flatMap(blobsOf).map(({ hash }) => hash));
  const keptOf = (format: TakeFormat): number => sum(blobsOf(format).filter(({ hash }) => kept.has(hash)));
  const format = formats.reduce((best, other) => (keptOf(other) > keptOf(best) ? other : best));
  const progress = { totalBytes: sum(blobsOf(format)), keptBytes: keptOf(format), fetchedBytes: 0 };
  const parts = await assembled(blobsOf(format), kept, progress, setup);
  return new Blob(parts, { type: format.mime.split(';')[0] ?? '' });
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
        // A Blob may lie on disk, unlike the bytes.
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

/** What a file of this type is called at its end. */
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

/** A name for a file that every system takes. */
export function fileName(title: string, extension: string): string {
  const plain = title
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f<>:"/\\|?*]+/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/^[\s.]+|[\s.]+$/g, '');
  return `${plain.slice(0, 120) || 'item'}.${extension}`;
}
