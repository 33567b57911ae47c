// Who may start jobs, and the formats an item can be exported to. No DOM.

import type { Me } from '../protocol/account';
import type { Item } from '../protocol/item';
import type { ExportFormat } from '../protocol/job';

/** Whether to offer this person jobs on `item`. The main server makes the final decision. */
export function mayStartJobs(me: Me | undefined, item: Item | undefined): boolean {
  const account = me?.account ?? null;
  if (account === null || item?.state !== 'ready' || item.deleted_until_ms !== undefined) return false;
  const policy = me?.jobs ?? 'off';
  if (policy === 'off') return false;
  return account.role === 'operator' || policy === 'account' || item.owner === account.name;
}

export function hasSound({ tracks }: Pick<Item, 'tracks'>): boolean {
  return tracks.some(({ kind }) => kind === 'audio');
}

function hasPicture({ tracks }: Pick<Item, 'tracks'>): boolean {
  return tracks.some(({ kind }) => kind === 'video');
}

/** The formats that an item can be exported to, the likeliest first. */
export function exportFormats(item: Pick<Item, 'tracks'>): ExportFormat[] {
  const sound: ExportFormat[] = hasSound(item) ? ['mp3', 'flac', 'opus'] : [];
  const containers: ExportFormat[] = ['mp4', 'webm', 'mkv'];
  return hasPicture(item) ? [...containers, ...sound] : [...sound, 'mp4', 'mkv'];
}

/** Whether an item has stems, and thus a karaoke player. */
export function hasKaraoke(item: Pick<Item, 'stems'> | undefined): boolean {
  return item?.stems !== undefined;
}
