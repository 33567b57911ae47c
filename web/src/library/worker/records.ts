// The records and manifests of the items that were played here, and their covers: what the page needs of them without a network. The
// ones that were played last are kept. No DOM.

import type { Item, ItemId, Manifest } from '../../protocol/item';
import { recordKey } from '../kept/addresses';

const CACHE = 'undead-library-records';
/** Most items of which something is kept. */
const MOST = 500;

/** See the head of the file. */
export class Records {
  readonly #caches: CacheStorage;
  readonly #fetch: typeof fetch;

  constructor(caches: CacheStorage, fetcher: typeof fetch) {
    this.#caches = caches;
    this.#fetch = fetcher;
  }

  /** An item is played; `picture` is the address of its cover. */
  async keep(item: Item, manifest: Manifest, picture: string | undefined): Promise<void> {
    const cache = await this.#cache();
    // What was put last is listed last.
    for (const what of ['item', 'manifest'] as const) await cache.delete(recordKey(what, item.item_id));
    await cache.put(recordKey('item', item.item_id), Response.json(item));
    await cache.put(recordKey('manifest', item.item_id), Response.json(manifest));
    await this.#bound(cache);
    if (picture !== undefined) await this.#keepPicture(cache, picture).catch(() => undefined);
  }

  /** What is kept under a name. */
  async find(key: string): Promise<Response | undefined> {
    return await (await this.#cache()).match(key);
  }

  /** The items that were played, the last one first. */
  async items(): Promise<Item[]> {
    const cache = await this.#cache();
    const keys = (await cache.keys()).filter(({ url }) => url.includes('/item/'));
    const records = await Promise.all(
      keys.map(async (key) => (await (await cache.match(key))?.json()) as Item | undefined),
    );
    return records.filter((item) => item !== undefined).reverse();
  }

  async forget(itemId: ItemId): Promise<void> {
    const cache = await this.#cache();
    for (const what of ['item', 'manifest'] as const) await cache.delete(recordKey(what, itemId));
  }

  async clear(): Promise<void> {
    await this.#caches.delete(CACHE);
  }

  async #keepPicture(cache: Cache, picture: string): Promise<void> {
    const response = await this.#fetch(picture);
    if (response.ok) await cache.put(picture, response);
  }

  async #bound(cache: Cache): Promise<void> {
    const keys = (await cache.keys()).filter(({ url }) => url.includes('/item/'));
    for (const { url } of keys.slice(0, Math.max(0, keys.length - MOST)))
      await this.forget(url.split('/').at(-1) ?? '');
  }

  async #cache(): Promise<Cache> {
    return await this.#caches.open(CACHE);
  }
}
