// The records, manifests and covers of items that were played here, for offline use. The most recently played ones are
// kept. Items that are not public are kept for the signed-in person, until sign-out. No DOM.

import type { Item, ItemId, Manifest } from '../../protocol/item';
import { recordKey } from '../kept/addresses';

const CACHE = 'undead-library-records';
/** Most stored items, and most bytes of one cover and of all covers. */
const BOUNDS = { items: 500, pictureBytes: 1024 * 1024, picturesBytes: 50 * 1024 * 1024 };

/** Headers with additional data of a record. */
const PERSON = 'undead-person';
const PICTURE = 'undead-picture';
const BYTES = 'undead-picture-bytes';

/** The key of the last signed-in person. */
const LAST_PERSON = 'https://kept.invalid/person';

/** For whom an item is stored, and the address of its cover. */
export interface KeptFor {
  /** The name of the account; null for anyone at this browser. */
  person: string | null;
  picture: string | undefined;
}

/** The stored records of one site. */
export class Records {
  readonly #caches: CacheStorage;
  readonly #fetch: typeof fetch;
  readonly #bounds: typeof BOUNDS;

  constructor(caches: CacheStorage, fetcher: typeof fetch, bounds = BOUNDS) {
    this.#caches = caches;
    this.#fetch = fetcher;
    this.#bounds = bounds;
  }

  /** Stores a played item. */
  async keep(item: Item, manifest: Manifest, { person, picture }: KeptFor): Promise<void> {
    const cache = await this.#cache();
    const bytes = picture === undefined ? 0 : await this.#keepPicture(cache, picture).catch(() => 0);
    const before = await cache.match(recordKey('item', item.item_id));
    const old = before?.headers.get(PICTURE) ?? undefined;
    if (old !== undefined && old !== picture) await cache.delete(old);
    // Caches list entries in insertion order.
    for (const what of ['item', 'manifest'] as const) await cache.delete(recordKey(what, item.item_id));
    const headers: Record<string, string> = {};
    if (person !== null) headers[PERSON] = encodeURIComponent(person);
    if (bytes > 0 && picture !== undefined) Object.assign(headers, { [PICTURE]: picture, [BYTES]: String(bytes) });
    await cache.put(recordKey('item', item.item_id), Response.json(item, { headers }));
    await cache.put(recordKey('manifest', item.item_id), Response.json(manifest));
    await this.#bound(cache);
  }

  /** The stored answer for a key. */
  async find(key: string): Promise<Response | undefined> {
    return await (await this.#cache()).match(key);
  }

  /** The played items, most recent first. */
  async items(): Promise<Item[]> {
    const records = (await this.#records(await this.#cache())).map(({ record }) => record.json() as Promise<Item>);
    return (await Promise.all(records)).reverse();
  }

  async itemIds(): Promise<ItemId[]> {
    return (await this.#records(await this.#cache())).map(({ itemId }) => itemId);
  }

  /** The account that was signed in last, null for none; undefined if unknown. */
  async lastPerson(): Promise<string | null | undefined> {
    const noted = await this.find(LAST_PERSON);
    return noted === undefined ? undefined : ((await noted.json()) as string | null);
  }

  async notePerson(name: string | null): Promise<void> {
    await (await this.#cache()).put(LAST_PERSON, Response.json(name));
  }

  /** The items that are not public and were stored for another person than `name`. */
  async ofOthers(name: string | null): Promise<ItemId[]> {
    const others: ItemId[] = [];
    for (const { record } of await this.#records(await this.#cache())) {
      const person = record.headers.get(PERSON);
      if (person === null || decodeURIComponent(person) === name) continue;
      const item = (await record.json()) as Item;
      if (item.visibility !== 'public') others.push(item.item_id);
    }
    return others;
  }

  /** The size of all covers. */
  async pictureBytes(): Promise<number> {
    const records = await this.#records(await this.#cache());
    return records.reduce((sum, { record }) => sum + pictureBytes(record), 0);
  }

  async forget(itemId: ItemId): Promise<void> {
    const cache = await this.#cache();
    const picture = (await cache.match(recordKey('item', itemId)))?.headers.get(PICTURE) ?? undefined;
    if (picture !== undefined) await cache.delete(picture);
    for (const what of ['item', 'manifest'] as const) await cache.delete(recordKey(what, itemId));
  }

  async clear(): Promise<void> {
    await this.#caches.delete(CACHE);
  }

  /** Stores a cover. Returns its size; 0 if it was not stored. */
  async #keepPicture(cache: Cache, picture: string): Promise<number> {
    const response = await this.#fetch(picture);
    if (!response.ok) return 0;
    const body = await response.blob();
    if (body.size > this.#bounds.pictureBytes) return 0;
    await cache.put(picture, new Response(body, { headers: { 'content-type': body.type } }));
    return body.size;
  }

  /** The records, least recently played first. */
  async #records(cache: Cache): Promise<{ itemId: ItemId; record: Response }[]> {
    const keys = (await cache.keys()).filter(({ url }) => url.startsWith(recordKey('item', '')));
    const found = await Promise.all(
      keys.map(async (key) => ({ itemId: key.url.split('/').at(-1) ?? '', record: await cache.match(key) })),
    );
    return found.flatMap(({ itemId, record }) => (record === undefined ? [] : [{ itemId, record }]));
  }

  async #bound(cache: Cache): Promise<void> {
    const { items, picturesBytes } = this.#bounds;
    const records = (await this.#records(cache)).reverse();
    for (const { itemId } of records.slice(items)) await this.forget(itemId);
    let sum = 0;
    for (const { itemId, record } of records.slice(0, items)) {
      sum += pictureBytes(record);
      if (sum > picturesBytes && pictureBytes(record) > 0) await this.#dropPicture(cache, itemId, record);
    }
  }

  async #dropPicture(cache: Cache, itemId: ItemId, record: Response): Promise<void> {
    await cache.delete(record.headers.get(PICTURE) ?? '');
    const headers = new Headers(record.headers);
    for (const name of [PICTURE, BYTES]) headers.delete(name);
    await cache.put(recordKey('item', itemId), new Response(await record.blob(), { headers }));
  }

  async #cache(): Promise<Cache> {
    return await this.#caches.open(CACHE);
  }
}

function pictureBytes(record: Response): number {
  return Number(record.headers.get(BYTES) ?? 0);
}
