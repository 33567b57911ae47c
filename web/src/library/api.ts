// The main server's calls about the library. No DOM.

import { MainServer, bearer } from '../api/client';
import { sitePath } from '../browser/site';
import type { ChangeItem, Item, ItemId, ItemKind, ItemPage, Playable, PlayItem } from '../protocol/item';
import type { Waveform } from '../protocol/job';

/** The orders in which items are listed. */
export const SORTS = ['newest', 'oldest', 'title', 'duration'] as const;

/** An order of items. */
export type Sort = (typeof SORTS)[number];

/** Filters of the list; those that are left out do not apply. */
export interface ListQuery {
  /** Words in title, artist, album or tags. */
  q?: string;
  kind?: ItemKind | undefined;
  tag?: string | undefined;
  /** By default: relevance if there are words, else newest first. */
  sort?: Sort | undefined;
  /** Only items that the caller may change, whatever their visibility. */
  mine?: boolean | undefined;
  /** Only items that the caller deleted and can restore. */
  deleted?: boolean | undefined;
  limit?: number;
  /** The start of the page, from the previous one. */
  cursor?: string | undefined;
}

/** The calls about the library. All methods throw a CallError on refusal. */
export class Library {
  readonly #server: Pick<MainServer, 'call' | 'send'>;

  constructor(server: Pick<MainServer, 'call' | 'send'> = new MainServer()) {
    this.#server = server;
  }

  /** A page of the items that the caller may see. */
  list(query: ListQuery = {}, signal?: AbortSignal): Promise<ItemPage> {
    const fields = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== '' && value !== false) fields.set(name, String(value));
    return this.#server.call(fields.size === 0 ? '/api/library' : `/api/library?${fields.toString()}`, { signal });
  }

  /** One item. A private one requires a grant for it. */
  item(id: ItemId, grant?: string): Promise<Item> {
    return this.#server.call(path(id), bearer(grant));
  }

  /** A grant to read the item's media, and the nodes that serve it. */
  play(id: ItemId, body: PlayItem = {}): Promise<Playable> {
    return this.#server.call(`${path(id)}/play`, { method: 'POST', body });
  }

  /** Changes an item; for its owner and operators. */
  change(id: ItemId, body: ChangeItem): Promise<Item> {
    return this.#server.call(path(id), { method: 'PATCH', body });
  }

  /** Adds a picture at a time of an item; the first picture of an item without a cover becomes its cover. */
  async addPreview(id: ItemId, atMs: number, picture: Blob): Promise<void> {
    await this.#server.send(`${path(id)}/previews/${atMs}`, { method: 'PUT', body: picture });
  }

  /** Peaks of an item's sound; `url` is the item's `waveform_url`. */
  waveform(url: string, grant?: string): Promise<Waveform> {
    return this.#server.call(sitePath(url), bearer(grant));
  }

  /** The lyrics of an item, an LRC file; `url` is the item's `lyrics_url`. */
  async lyrics(url: string, grant?: string): Promise<string> {
    const request = { accept: 'text/plain', cache: 'no-cache' as const, ...bearer(grant) };
    return await (await this.#server.send(sitePath(url), request)).text();
  }

  /** Adds or replaces the lyrics of an item; for its owner and operators. */
  async setLyrics(id: ItemId, lrc: string): Promise<void> {
    const body = new Blob([lrc], { type: 'text/plain;charset=utf-8' });
    await this.#server.send(`${path(id)}/lyrics`, { method: 'PUT', body });
  }

  /** Removes the lyrics of an item; for its owner and operators. */
  async removeLyrics(id: ItemId): Promise<void> {
    await this.#server.send(`${path(id)}/lyrics`, { method: 'DELETE' });
  }

  /** Deletes an item, which can be restored for a while. */
  async remove(id: ItemId): Promise<void> {
    await this.#server.send(path(id), { method: 'DELETE' });
  }

  /** Undoes the deletion of an item. */
  restore(id: ItemId): Promise<Item> {
    return this.change(id, { deleted: false });
  }
}

function path(id: ItemId): string {
  return `/api/library/${encodeURIComponent(id)}`;
}
