// Opens an item in as few steps as possible: the permission and the record are asked for at the same time, the manifest once a node is
// known, and the beginning of the media before a player wants it. It needs no page, so it begins while that is loaded. No DOM.

import type { BlobName, Item, ItemId, Manifest, Playable, PlayItem } from '../protocol/item';
import { ItemAccess } from './access';
import type { Library } from './api';
import { Fetcher, type Hold } from './fetcher';
import type { Kept } from './kept/kept';
import { fetchManifest } from './manifests';
import { planOf } from './plan';

/** What opening works with. */
export interface OpeningSetup {
  library: Pick<Library, 'item' | 'play'>;
  kept: Pick<Kept, 'isWatching' | 'keep' | 'read'>;
  canPlay: (mime: string) => boolean;
  /** Addresses: of the page's host, and of the site on it. */
  origin: string;
  base: string;
  fetch: typeof fetch;
}

/** See the head of the file. */
export class Opening {
  readonly itemId: ItemId;
  readonly access: ItemAccess;
  readonly fetcher: Fetcher;
  /**
   * Resolves once the media may be read, or the main server cannot be reached.
   *
   * @throws CallError where it refuses.
   */
  readonly allowed: Promise<void>;
  /**
   * The record; a private one is given to those who were let in.
   *
   * @throws CallError where there is none.
   */
  readonly item: Promise<Item>;
  readonly #setup: OpeningSetup;
  #manifest: Promise<Manifest> | undefined;
  #beginning: Hold[] = [];
  #isReleased = false;

  /** Begins at once. `body` is how a person is let in to a private item. */
  constructor(itemId: ItemId, setup: OpeningSetup, body: PlayItem = {}) {
    const { library, kept, origin, base, fetch } = setup;
    this.itemId = itemId;
    this.#setup = setup;
    const play = (id: ItemId, how: PlayItem): Promise<Playable> => library.play(id, how);
    this.access = new ItemAccess({ itemId, play, body, origin, keptBase: base });
    this.fetcher = new Fetcher(this.access, {
      fetch,
      kept: (hash) => (kept.isWatching ? Promise.resolve(undefined) : kept.read(hash)),
      keep: (blob, bytes) => kept.keep(itemId, blob, bytes),
      isWatched: () => kept.isWatching,
    });
    this.allowed = this.access.open();
    this.item = this.#find();
    this.#manifest = this.allowed.then(() => this.#readManifest());
    this.#manifest.then((manifest) => this.#begin(manifest)).catch(() => undefined);
    // Failures are told to those who wait for them.
    this.item.catch(() => undefined);
  }

  /**
   * The manifest; the first call has what was asked for when the item was opened.
   *
   * @throws CallError, see {@link fetchManifest}.
   */
  manifest(): Promise<Manifest> {
    const begun = this.#manifest;
    this.#manifest = undefined;
    return begun ?? this.#readManifest();
  }

  /** The beginning of the media was played, or is not wanted. */
  release(): void {
    this.#isReleased = true;
    for (const hold of this.#beginning.splice(0)) hold.close();
  }

  #readManifest(): Promise<Manifest> {
    return fetchManifest(this.access, this.#setup.fetch);
  }

  async #find(): Promise<Item> {
    const { library } = this.#setup;
    try {
      return await library.item(this.itemId);
    } catch {
      await this.allowed;
      return await library.item(this.itemId, this.access.grant);
    }
  }

  #begin(manifest: Manifest): void {
    const [first] = planOf(manifest, this.#setup.canPlay).pieces;
    if (first === undefined || this.#isReleased) return;
    const blobs: (BlobName | undefined)[] = [first.run.init, first];
    this.#beginning = blobs.filter((blob) => blob !== undefined).map((blob) => this.fetcher.open(blob, 'play'));
    for (const hold of this.#beginning) hold.bytes().catch(() => undefined);
  }
}
