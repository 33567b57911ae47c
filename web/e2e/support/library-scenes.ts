// The library in the server's answers, in states that are hard to reach. Media never arrives.
import type { Page } from '@playwright/test';

import { all, BROADCASTER, me } from './scenes.ts';

type Prepare = (page: Page) => Promise<void>;

const ITEM_ID = '11b7'.repeat(8);
/** The address of an item's page. */
export const ITEM = `/library/${ITEM_ID}`;

function item(more: object = {}): object {
  return {
    item_id: ITEM_ID,
    kind: 'upload',
    title: 'Night drive',
    artist: 'The Headlights',
    tags: ['live', 'rock'],
    visibility: 'public',
    created_at_ms: Date.now() - 86_400_000,
    duration_ms: 252_000,
    bytes: 8_123_456,
    tracks: [{ kind: 'audio', codec: 'flac' }],
    state: 'ready',
    ...more,
  };
}

const ITEMS = [
  item(),
  item({
    kind: 'recording',
    title: 'Town meeting, with a title that goes on for longer than a card is wide',
    artist: undefined,
  }),
  item({ title: 'طريق منتصف الليل', state: 'processing', duration_ms: 0, bytes: 0, tags: [] }),
  item({ kind: 'job', title: 'Night drive (vocals)', visibility: 'private' }),
  item({
    kind: 'recording',
    title: 'Morning show',
    state: 'growing',
    tracks: [{ kind: 'video', codec: 'vp09.00.10.08' }],
  }),
].map((one, i) => ({ ...one, item_id: String(i).repeat(32) }));

/** The list, for someone who may upload. */
export function list(items: readonly object[] = ITEMS): Prepare {
  return all(me(BROADCASTER), async (page) => {
    await page.route(/\/api\/library(\?.*)?$/, (route) => route.fulfill({ json: { items, total: items.length } }));
  });
}

/** The page of an item, with the changes in `more`. */
export function one(more: object): Prepare {
  return all(me(BROADCASTER), async (page) => {
    await page.route(/\/api\/library\/\w+$/, (route) => route.fulfill({ json: item(more) }));
    await page.route(/\/api\/library\/\w+\/play$/, (route) =>
      route.fulfill({ json: { grant: 'g', expires_in_s: 21_600, nodes: ['/cdn'] } }),
    );
    const fragments = [{ hash: 'ab'.repeat(32), bytes: 8_123_356, start_ms: 0, duration_ms: 252_000 }];
    const take = { mime: 'audio/mp4; codecs="flac"', init: { hash: 'cd'.repeat(32), bytes: 100 }, fragments };
    await page.route(/\/library\/\w+\/manifest/, (route) =>
      route.fulfill({ json: { item_id: ITEM_ID, takes: [take] } }),
    );
    await page.route(/\/library\/\w+\/blobs\//, () => new Promise<void>(() => undefined));
  });
}

/** A private item, for someone without its passphrase. */
export const locked: Prepare = async (page) => {
  const error = { code: 'wrong_passphrase', message: 'wrong passphrase' };
  await page.route(/\/api\/library\/\w+(\/play)?$/, (route) =>
    route.request().method() === 'POST'
      ? route.fulfill({ status: 403, json: { error } })
      : route.fulfill({ status: 404, json: { error: { code: 'unknown_item', message: 'unknown item' } } }),
  );
};
