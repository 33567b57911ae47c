// Messages from pages to the service worker, and its answers. No DOM.

import type { Item, ItemId, Manifest } from '../../protocol/item';
import type { Usage } from './store';

/** The name of the cache with fragments, which pages read too. */
export const FRAGMENTS_CACHE = 'undead-library-fragments';

/** A message from a page. */
export type Message =
  /** Store a fragment that arrived in pieces, or before the worker was running. */
  | { ask: 'keep'; itemId: ItemId; hash: string; bytes: Uint8Array<ArrayBuffer> }
  /** Store the records of a played item and the page itself, for an account, or for anyone if null. */
  | { ask: 'keep-item'; item: Item; manifest: Manifest; person: string | null }
  /** The signed-in account, or none: remove non-public items stored for another account. */
  | { ask: 'person'; person: string | null }
  /** Remove an item. */
  | { ask: 'forget-item'; itemId: ItemId }
  | { ask: 'items' }
  | { ask: 'among'; hashes: readonly string[] }
  | { ask: 'usage' }
  | { ask: 'limit'; bytes: number }
  | { ask: 'clear' };

/** The answers, by message. */
export interface Answers {
  keep: boolean;
  'keep-item': boolean;
  person: boolean;
  'forget-item': boolean;
  /** The records of played items, newest first. */
  items: Item[];
  among: string[];
  usage: Usage;
  limit: Usage;
  clear: Usage;
}
