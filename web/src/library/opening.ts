// Opens an item in as few round trips as possible: permission and record are requested in parallel, the manifest once a
// node is known, and the beginning of the media before a player needs it. It needs no page, so it begins while the page
// loads. No DOM.

import type { BlobName, Item, ItemId, Manifest, Playable, PlayItem } from '../protocol/item';
import { ItemAccess } from './access';
import type { Library } from './api';
import { Fetcher, type Hold } from './fetcher';
import type { Kept } from './kept/kept';
import { fetchManifest } from './manifests';
import { planOf } from './plan';

/** Dependencies of an opening. */
export interface OpeningSetup {
  library: Pick<Library, 'item' | 'play'>;
  kept: Pick<Kept, 'isWatching' | 'keep' | 'read'>;
  canPlay: (mime: string) => boolean;
  /** The address of the page, and that of the site. */
  origin: string;
  base: string;
  fetch: typeof fetch;
}

/** The early requests of one item. */
export class Opening {
  readonly itemId: ItemId;
  readonly access: ItemAccess;
  readonly fetcher: Fetcher;
  /**
   * Resolves once the media may be read, or the main server is unreachable.
   *
   * @throws CallError if the server refuses.
   */
  readonly allowed: Promise<void>;
  /**
   * The record; a private one requires admission.
   *
   * @throws CallError if there is none.
   */
  readonly item: Promise<Item>;
  readonly #setup: OpeningSetup;
  #manifest: Promise<Manifest> | undefined;
  #beginning: Hold[] = [];
  #isReleased = false;

  /** Begins at once. `body` has the passphrase or invitation for a private item. */
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
    // The promise's users handle its failures.
    this.item.catch(() => undefined);
  }

  /**
   * The manifest. The first call returns the early request's result.
   *
   * @throws CallError, see {@link fetchManifest}.
   */
  manifest(): Promise<Manifest> {
    const begun = this.#manifest;
    this.#manifest = undefined;
    return begun ?? this.#readManifest();
  }

  /** Releases the prefetched media after it was played, or if it is not needed. */
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
