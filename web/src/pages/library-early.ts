// Requests of the library's page before its code is loaded: the item that its address names.

import { takeFromFragment } from '../browser/fragment';
import { site, sitePath } from '../browser/site';
import { Library } from '../library/api';
import { Kept } from '../library/kept/kept';
import { Opening } from '../library/opening';
import type { ItemId, PlayItem } from '../protocol/item';
import { canPlayType } from '../watch/playback/mse/media-source';

/** The address of the site. */
export const SITE = location.origin + site('');

/** Objects that are shared between opening an item and the page. */
export const library = new Library();
export const kept = new Kept();
const invitation = takeFromFragment('invitation');

/** The item whose page has this address. */
export function itemOf(pathname: string): ItemId | undefined {
  const [, , itemId = ''] = sitePath(pathname).split('/');
  return itemId === '' ? undefined : itemId;
}

/** Opens an item, with the invitation or passphrase in `body` or else in the page's address. */
export function openItem(itemId: ItemId, body?: PlayItem): Opening {
  const setup = {
    library,
    kept,
    canPlay: canPlayType,
    origin: location.href,
    base: SITE,
    fetch: ((input, init) => fetch(input, init)) satisfies typeof fetch,
  };
  return new Opening(itemId, setup, body ?? (invitation === undefined ? {} : { invitation }));
}

const first = itemOf(location.pathname);
let begun = first === undefined ? undefined : openItem(first);

/** Returns the opening that began with the page, once; otherwise opens the item now. */
export function takeOpening(itemId: ItemId): Opening {
  const early = begun;
  begun = undefined;
  if (early?.itemId === itemId) return early;
  early?.release();
  return openItem(itemId);
}
