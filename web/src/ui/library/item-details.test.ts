// @vitest-environment happy-dom
// An item's page says how large a download is, and when the item was added.

import { afterEach, expect, it } from 'vitest';
import { serverTime } from '../../api/server-time';
import type { Item } from '../../protocol/item';
import { ItemDetails } from './item-details';

afterEach(() => document.body.replaceChildren());

const SONG: Item = {
  item_id: '1'.repeat(32),
  kind: 'upload',
  title: 'Song',
  tags: [],
  visibility: 'public',
  created_at_ms: 0,
  duration_ms: 60_000,
  bytes: 2_000_000,
  tracks: [],
  state: 'ready',
};

/** What the page says under `name`. */
async function fact(name: string, item: Partial<Item>, downloadBytes?: number): Promise<string | undefined> {
  const element = new ItemDetails();
  Object.assign(element, { playing: { item: { ...SONG, ...item }, downloadBytes } });
  document.body.append(element);
  await element.updateComplete;
  const terms = [...element.renderRoot.querySelectorAll('dt')];
  return terms.find((term) => term.textContent === name)?.nextElementSibling?.textContent ?? undefined;
}

it('says how large a download is, and what the server keeps if that is more', async () => {
  expect(await fact('Size', {}, 1_000_000)).toBe('1 MB, 2 MB on the server');
  expect(await fact('Size', {}, 2_000_000)).toBe('2 MB');
  expect(await fact('Size', {}, 1_999_999)).toBe('2 MB');
  expect(await fact('Size', {})).toBe('2 MB on the server');
  expect(await fact('Size', { bytes: 0 })).toBeUndefined();
  expect(await fact('Size', { state: 'growing' }, 1_000_000)).toBe('1 MB');
});

it('says in one phrase how and when the item was added', async () => {
  expect(await fact('Added', { created_at_ms: serverTime.nowMs() + 60_000 })).toBe('Upload, just now');
});
