// An item that is played in a page: its record, the permission to play it, the player and its wave form; what this browser keeps of it;
// its download. No DOM but the media element it is given.

import { asCallError, type CallError } from '../protocol/error';
import type { Item, ItemId, Manifest, Playable, PlayItem } from '../protocol/item';
import { ItemAccess } from './access';
import type { Library } from './api';
import { canAssemble, download, extensionOf, fileName, type DownloadProgress } from './download';
import { Fetcher } from './fetcher';
import type { Kept } from './kept/kept';
import { fetchManifest } from './manifests';
import { ItemPlayer, type PlayerState } from './player/item-player';
import type { Media } from './player/media';
import { planOf } from './plan';
import { decodeSound, WaveForm } from './waveform';

/** How often an item that is about to be ready is looked at. */
const PROCESSING_MS = 2_000;

/** What playing works with. */
export interface PlayingSetup {
  library: Pick<Library, 'item' | 'play'>;
  kept: Kept;
  media: Media;
  canPlay: (mime: string) => boolean;
  /** Addresses: of the page's host, and of the site on it. */
  origin: string;
  base: string;
  fetch: typeof fetch;
  /** Something that is shown changed. */
  changed: () => void;
  /** A fragment is here. */
  arrived: () => void;
  /** The browser wants a press first. */
  refused: () => void;
}

/** A file to save. */
export interface SavedFile {
  name: string;
  /** The file, or its address where the server puts it together. */
  content: Blob | string;
}

/** See the head of the file. */
export class Playing {
  readonly itemId: ItemId;
  readonly #setup: PlayingSetup;
  #item: Item | undefined;
  #access: ItemAccess;
  #fetcher: Fetcher;
  #player: ItemPlayer | undefined;
  #wave: WaveForm | undefined;
  #manifest: Manifest | undefined;
  #problem: CallError | undefined;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(itemId: ItemId, setup: PlayingSetup) {
    this.itemId = itemId;
    this.#setup = setup;
    [this.#access, this.#fetcher] = this.#reach({});
  }

  /** Undefined until it is known. */
  get item(): Item | undefined {
    return this.#item;
  }

  /** Why the item cannot be played, or not now. */
  get problem(): CallError | undefined {
    return this.#problem ?? this.#player?.state.error;
  }

  get state(): PlayerState {
    return this.#player?.state ?? { phase: 'opening', durationMs: this.#item?.duration_ms ?? 0, isGrowing: false };
  }

  /** Whether there is nothing to see. */
  get isAudio(): boolean {
    const tracks = this.#item?.tracks ?? [];
    return tracks.length > 0 && tracks.every(({ kind }) => kind === 'audio');
  }

  /** Of audio alone. */
  get wave(): WaveForm | undefined {
    return this.#wave;
  }

  /** Opens the item, and plays it if `plays`. `body` is how a person is let in to a private one. */
  async open(plays: boolean, body: PlayItem = {}): Promise<void> {
    this.#problem = undefined;
    this.#player?.close();
    [this.#access, this.#fetcher] = this.#reach(body);
    // Both at once: each is a way to the server and back.
    const [opened] = await Promise.allSettled([this.#access.open(), this.#look()]);
    if (this.#closed) return;
    // A private item is told to those who were let in.
    if (this.#item === undefined && opened.status === 'fulfilled')
      await this.#look().catch((error: unknown) => this.#fail(error));
    if (opened.status === 'rejected') this.#fail(opened.reason);
    else if (this.#item?.state !== 'failed') this.#start(plays);
  }

  play(): void {
    this.#player?.play();
  }

  pause(): void {
    this.#player?.pause();
  }

  seek(ms: number): void {
    this.#player?.seek(ms);
  }

  /** The item's record changed. */
  learn(item: Item): void {
    this.#item = item;
    this.#setup.changed();
  }

  /** Ends it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#player?.close();
  }

  /**
   * The item as a file to save.
   *
   * @throws CallError where it cannot be had, and the signal's reason.
   */
  async file(progress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<SavedFile> {
    const manifest = await this.#read();
    const title = this.#item?.title ?? '';
    if (!canAssemble(manifest)) return { name: '', content: this.#address('download') };
    const { kept } = this.#setup;
    const among = (hashes: readonly string[]): Promise<ReadonlySet<string>> => kept.among(hashes);
    const content = await download(manifest, { fetcher: this.#fetcher, among, progress, signal });
    return { name: fileName(title, extensionOf(content.type)), content };
  }

  #reach(body: PlayItem): [ItemAccess, Fetcher] {
    const { library, kept, origin, base, fetch } = this.#setup;
    const play = (id: ItemId, how: PlayItem): Promise<Playable> => library.play(id, how);
    const access = new ItemAccess({ itemId: this.itemId, play, body, origin, keptBase: base });
    const fetcher = new Fetcher(access, {
      fetch,
      kept: (hash) => (kept.isWatching ? Promise.resolve(undefined) : kept.read(hash)),
      keep: (blob, bytes) => kept.keep(this.itemId, blob, bytes),
      isWatched: () => kept.isWatching,
    });
    return [access, fetcher];
  }

  #start(plays: boolean): void {
    const { media, canPlay, changed, refused, arrived } = this.#setup;
    if (this.isAudio) this.#wave ??= new WaveForm(decodeSound, changed);
    const player = new ItemPlayer({
      media,
      canPlay,
      refused,
      fetcher: this.#fetcher,
      manifest: () => this.#read(),
      changed: () => changed(),
      arrived: (piece, bytes, init) => {
        this.#wave?.add(piece, bytes, init);
        arrived();
      },
    });
    this.#player = player;
    if (plays) player.play();
    player.open();
    changed();
  }

  async #read(): Promise<Manifest> {
    const manifest = await fetchManifest(this.#access, this.#setup.fetch);
    const isNew = this.#manifest?.takes.length !== manifest.takes.length || manifest.is_growing === true;
    this.#manifest = manifest;
    if (isNew) this.#keep(manifest);
    if (this.#isCompleted) this.#lookAgain();
    return manifest;
  }

  /** Items that are played can be played again without a network; what is kept of one already shows in its wave form. */
  #keep(manifest: Manifest): void {
    if (this.#access.isOffline || this.#item === undefined) return;
    if (this.#item.visibility !== 'private') this.#setup.kept.keepItem(this.#item, manifest);
    void this.#drawKept(manifest);
  }

  async #drawKept(manifest: Manifest): Promise<void> {
    const wave = this.#wave;
    if (wave === undefined) return;
    const { kept, canPlay } = this.#setup;
    const { pieces } = planOf(manifest, canPlay);
    const here = await kept.among(pieces.map(({ hash }) => hash));
    for (const piece of pieces) {
      if (this.#closed) return;
      if (!here.has(piece.hash) || wave.has(piece)) continue;
      const [bytes, init] = await Promise.all([
        kept.read(piece.hash),
        piece.run.init && kept.read(piece.run.init.hash),
      ]);
      if (bytes !== undefined && (init !== undefined || piece.run.init === undefined)) wave.add(piece, bytes, init);
    }
  }

  async #look(): Promise<void> {
    const { library, changed } = this.#setup;
    const item = await library.item(this.itemId, this.#access.grant);
    if (this.#closed) return;
    this.#item = item;
    if (item.state === 'processing' || this.#isCompleted) this.#lookAgain();
    changed();
  }

  /** Whether the recording is complete, and its record does not say so yet. */
  get #isCompleted(): boolean {
    return this.#item?.state === 'growing' && this.#manifest?.is_growing === false;
  }

  #lookAgain(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      const wasProcessing = this.#item?.state === 'processing';
      this.#look()
        .then(() => (wasProcessing && this.#item?.state !== 'processing' ? this.open(false) : undefined))
        .catch(() => this.#lookAgain());
    }, PROCESSING_MS);
  }

  #fail(reason: unknown): void {
    const error = asCallError(reason);
    this.#problem = error;
    if (error.code === 'unknown_item') this.#setup.kept.forgetItem(this.itemId);
    this.#setup.changed();
  }

  #address(what: string): string {
    const place = `${this.#setup.base}/library/${this.itemId}`;
    const grant = this.#access.grant;
    return grant === undefined ? `${place}/${what}` : `${place}/${what}?grant=${encodeURIComponent(grant)}`;
  }
}
