// Loads the item that the page's address names before the rest of the page runs: its media is requested, decoded and
// shown in a media element that the page takes over.

import { takeFromFragment } from '../browser/fragment';
import { site, sitePath } from '../browser/site';
import { Library } from '../library/api';
import { Kept } from '../library/kept/kept';
import { Opening } from '../library/opening';
import { Playing, type PlayingSetup } from '../library/playing';
import type { ItemId, PlayItem } from '../protocol/item';
import { canPlayType } from '../watch/playback/mse/media-source';
import { mediaFirst } from './media-first';

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

/** The media element of the page. */
export const media = document.createElement('video');
media.playsInline = true;
media.preload = 'auto';

/** Callbacks of the page. */
export type PageCallbacks = Pick<PlayingSetup, 'person' | 'isHearing' | 'changed' | 'arrived' | 'refused'>;

let page: PageCallbacks | undefined;
let connect: (page: PageCallbacks) => void = () => undefined;
const connected = new Promise<PageCallbacks>((resolve) => (connect = resolve));

/** Connects the page; calls that were made before are made now. */
export function connectPage(callbacks: PageCallbacks): void {
  page = callbacks;
  connect(callbacks);
}

function openItem(itemId: ItemId, body: PlayItem): Opening {
  const setup = {
    library,
    kept,
    canPlay: canPlayType,
    origin: location.href,
    base: SITE,
    fetch: ((input, init) => fetch(input, init)) satisfies typeof fetch,
  };
  return new Opening(itemId, setup, body);
}

/** Loads an item into the media element, with the invitation or passphrase in `body` or else in the page's address. */
export function begin(itemId: ItemId, body?: PlayItem): Playing {
  const invited = invitation === undefined ? {} : { invitation };
  const playing = new Playing(openItem(itemId, body ?? invited), {
    library,
    kept,
    media,
    canPlay: canPlayType,
    base: SITE,
    again: () => openItem(itemId, body ?? invited),
    person: async () => await (await connected).person(),
    isHearing: (item) => page?.isHearing(item) === true,
    changed: () => void connected.then((page) => page.changed()),
    arrived: () => void connected.then((page) => page.arrived()),
    refused: () => void connected.then((page) => page.refused()),
  });
  void playing.start();
  return playing;
}

const first = itemOf(location.pathname);
let begun = first === undefined ? undefined : begin(first);

/** See {@link mediaFirst}; without an item, the page does not wait. */
export async function itemFirst(): Promise<void> {
  const item = begun;
  if (item === undefined) return;
  const refused = new Promise<void>((resolve) => void item.start().then(() => item.problem && resolve()));
  await mediaFirst(media, 'ud-library-page', refused);
}

/** Returns the item that was loaded with the page, once; otherwise loads the item now. */
export function takeBegun(itemId: ItemId): Playing {
  const early = begun;
  begun = undefined;
  if (early?.itemId === itemId) return early;
  early?.close();
  return begin(itemId);
}
