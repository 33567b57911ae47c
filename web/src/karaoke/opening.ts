// Finds a song and its stems by the id of the song or of one of its stems. No DOM.

import type { Library } from '../library/api';
import { CallError } from '../protocol/error';
import type { Item, ItemId, Stems } from '../protocol/item';

/** A song that has stems. */
export interface Song {
  /** The item that the stems were made from; a stem if that item is gone. */
  source: Item;
  stems: Stems;
}

/**
 * Finds the song that `id` belongs to.
 *
 * @throws CallError `unknown_item`; its reason is `no_stems` if the song has no stems.
 */
export async function findSong(library: Pick<Library, 'item'>, id: ItemId): Promise<Song> {
  const item = await library.item(id);
  const { stems } = item;
  if (stems === undefined) throw new CallError('unknown_item', 'the song has no stems', { reason: 'no_stems' });
  const source = item.source === undefined ? item : await library.item(item.source).catch(() => item);
  return { source, stems };
}
