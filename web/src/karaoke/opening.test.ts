// A song is found by its own id and by the ids of its stems.

import { expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import type { Item } from '../protocol/item';
import { findSong } from './opening';

const STEMS = { vocals: 'v', accompaniment: 'a' };
const item = (item_id: string, more: Partial<Item>): Item => ({ item_id, title: item_id, ...more }) as Item;
const SONG = item('s', { stems: STEMS });
const VOCALS = item('v', { stems: STEMS, source: 's', stem: 'vocals' });

function libraryOf(...items: Item[]): { item: (id: string) => Promise<Item> } {
  return {
    item: (id) => {
      const found = items.find(({ item_id }) => item_id === id);
      return found === undefined ? Promise.reject(new CallError('unknown_item', id)) : Promise.resolve(found);
    },
  };
}

it.each(['s', 'v'])('finds the song by %s', async (id) => {
  const song = await findSong(libraryOf(SONG, VOCALS), id);
  expect([song.source.item_id, song.stems]).toEqual(['s', STEMS]);
});

it('finds the stems of a song that this person may not see', async () => {
  expect((await findSong(libraryOf(VOCALS), 'v')).source.item_id).toBe('v');
});

it('says that a song has no stems', async () => {
  await expect(findSong(libraryOf(item('s', {})), 's')).rejects.toMatchObject({ reason: 'no_stems' });
});
