// What the library's page asks for before the rest of it is loaded: the item that its address names.

import { takeFromFragment } from '../browser/fragment';
import { site, sitePath } from '../browser/site';
import { Library } from '../library/api';
import { Kept } from '../library/kept/kept';
import { Opening } from '../library/opening';
import type { ItemId, PlayItem } from '../protocol/item';
import { canPlayType } from '../watch/playback/mse/media-source';

/** The address of the site. */
export const SITE = location.origin + site('');

/** The parts that opening an item shares with the page. */
export const library = new Library();
export const kept = new Kept();
const invitation = takeFromFragment('invitation');

/** The item whose page has this address. */
export function itemOf(pathname: string): ItemId | undefined {
  const [, , itemId = ''] = sitePath(pathname).split('/');
  return itemId === '' ? undefined : itemId;
}

/** Opens an item, as its address invites to unless `body` says otherwise. */
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

/** The item that was opened with the page, once; another one, or the same again, is opened now. */
export function takeOpening(itemId: ItemId): Opening {
  const early = begun;
  begun = undefined;
  if (early?.itemId === itemId) return early;
  early?.release();
  return openItem(itemId);
}
