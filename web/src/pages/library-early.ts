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

/** The longest time that the rest of the page waits for the item's media. */
const MEDIA_FIRST_MS = 150;
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

function event(type: string): Promise<unknown> {
  return new Promise((resolve) => media.addEventListener(type, resolve, { once: true }));
}

/** Shows the first picture where the player will be, unless the page is faster. */
async function showPicture(): Promise<void> {
  const decoded = event('loadeddata');
  await event('loadedmetadata');
  if (media.videoWidth === 0 || media.isConnected) return;
  document.querySelector('ud-library-page')?.append(media);
  await decoded;
}

/**
 * Resolves once the item's first picture is there, or its sound, or after {@link MEDIA_FIRST_MS}: running the rest of the
 * page before would delay the picture.
 */
export async function mediaFirst(): Promise<void> {
  if (begun === undefined) return;
  await Promise.race([showPicture(), new Promise((resolve) => setTimeout(resolve, MEDIA_FIRST_MS))]);
}

/** Returns the item that was loaded with the page, once; otherwise loads the item now. */
export function takeBegun(itemId: ItemId): Playing {
  const early = begun;
  begun = undefined;
  if (early?.itemId === itemId) return early;
  early?.close();
  return begin(itemId);
}
