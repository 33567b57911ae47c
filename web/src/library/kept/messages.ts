// What a page asks the service worker, and what it answers. No DOM.

import type { Item, ItemId, Manifest } from '../../protocol/item';
import type { Usage } from './store';

/** The name of the cache with fragments, which pages read too. */
export const FRAGMENTS_CACHE = 'undead-library-fragments';

/** A question of a page. */
export type Message =
  /** A fragment that came in pieces, or before the worker was there. */
  | { ask: 'keep'; itemId: ItemId; hash: string; bytes: Uint8Array<ArrayBuffer> }
  /** An item is played: its records and the page itself are kept, for the account of that name, or anybody. */
  | { ask: 'keep-item'; item: Item; manifest: Manifest; person: string | null }
  /** This account is signed in, or none: what was kept for another one and may not be public goes. */
  | { ask: 'person'; person: string | null }
  /** An item is gone. */
  | { ask: 'forget-item'; itemId: ItemId }
  | { ask: 'items' }
  | { ask: 'among'; hashes: readonly string[] }
  | { ask: 'usage' }
  | { ask: 'limit'; bytes: number }
  | { ask: 'clear' };

/** The answers, by question. */
export interface Answers {
  keep: boolean;
  'keep-item': boolean;
  person: boolean;
  'forget-item': boolean;
  /** The records of what was played, the newest first. */
  items: Item[];
  among: string[];
  usage: Usage;
  limit: Usage;
  clear: Usage;
}
