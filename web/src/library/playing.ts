// An item in playback: its record, the permission, the player and its waveform; its storage in this browser; its
// download. No DOM but the given media element.

import { asCallError, type CallError } from '../protocol/error';
import type { Item, ItemId, Manifest } from '../protocol/item';
import type { Library } from './api';
import { canAssemble, download, downloadBytes, extensionOf, fileName, type DownloadProgress } from './download';
import type { Kept } from './kept/kept';
import type { Opening } from './opening';
import { ItemPlayer, type PlayerState } from './player/item-player';
import type { Media } from './player/media';
import { FALL_BACK_MS } from './news';
import { planOf } from './plan';
import { readPeaks, type Wave } from './peaks';
import { decodeSound, WaveForm } from './waveform';

/** Poll interval of an item that is being processed, unless the server sends its changes. */
const PROCESSING_MS = 2_000;

/** Dependencies and callbacks of playing. */
export interface PlayingSetup {
  library: Pick<Library, 'item' | 'waveform'>;
  kept: Kept;
  media: Media;
  canPlay: (mime: string) => boolean;
  /** The address of the site. */
  base: string;
  /** The name of the signed-in account, null for none; undefined if unknown. */
  person: () => Promise<string | null | undefined>;
  /** Whether the page passes changes of the item to `heard`. */
  isHearing: (item: Item) => boolean;
  /** Opens the item again. */
  again: () => Opening;
  /** Displayed state changed. */
  changed: () => void;
  /** A fragment arrived. */
  arrived: () => void;
  /** The browser requires a press first. */
  refused: () => void;
}

/** A file to save. */
export interface SavedFile {
  name: string;
  /** The file, or its address if the server assembles it. */
  content: Blob | string;
}

/** One item in playback. */
export class Playing {
  readonly itemId: ItemId;
  readonly #setup: PlayingSetup;
  #item: Item | undefined;
  #opening: Opening;
  #player: ItemPlayer | undefined;
  #wave: WaveForm | undefined;
  /** The waveform measured by a job. */
  #peaks: Wave | undefined;
  #manifest: Manifest | undefined;
  #problem: CallError | undefined;
  #closed = false;
  #started: Promise<void> | undefined;
  /** Whether to play as soon as the player is open. */
  #wantsToPlay = false;
  /** Whether nothing of the item may stay in this browser. */
  #leavesNothing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(opening: Opening, setup: PlayingSetup) {
    this.itemId = opening.itemId;
    this.#opening = opening;
    this.#setup = setup;
  }

  /** Undefined until known. */
  get item(): Item | undefined {
    return this.#item;
  }

  /** Why the item cannot be played, or not now. */
  get problem(): CallError | undefined {
    return this.#problem ?? this.#player?.state.error;
  }

  /** Whether the main server is unreachable and nothing of the item is stored in this browser. */
  get isNotKept(): boolean {
    return this.state.phase === 'waiting' && this.#manifest === undefined && this.#opening.access.isOffline;
  }

  get state(): PlayerState {
    return this.#player?.state ?? { phase: 'opening', durationMs: this.#item?.duration_ms ?? 0, isGrowing: false };
  }

  /** The bytes of a download; undefined until known. */
  get downloadBytes(): number | undefined {
    return this.#manifest && downloadBytes(this.#manifest);
  }

  /** Whether the item has no picture. */
  get isAudio(): boolean {
    const tracks = this.#item?.tracks ?? [];
    return tracks.length > 0 && tracks.every(({ kind }) => kind === 'audio');
  }

  /** The waveform; only for items without a picture. */
  get wave(): Wave | undefined {
    return this.isAudio ? (this.#peaks ?? this.#wave) : undefined;
  }

  /** Loads the item into the media element, once; it plays after {@link play}. */
  start(): Promise<void> {
    return (this.#started ??= this.#start());
  }

  play(): void {
    this.#wantsToPlay = true;
    this.#player?.play();
  }

  pause(): void {
    this.#wantsToPlay = false;
    this.#player?.pause();
  }

  seek(ms: number): void {
    this.#player?.seek(ms);
  }

  /** Updates the item's record. */
  learn(item: Item): void {
    this.#item = item;
    this.#setup.changed();
  }

  /** The server sent a changed item, without previews and links. The whole item is requested if those may have changed. */
  heard(news: Item): void {
    const known = this.#item;
    if (known === undefined || this.#closed) return;
    const { previews, source, stems } = known;
    const links = { ...(source && { source }), ...(stems && { stems }) };
    const item: Item = { ...news, ...(previews && { previews }), ...links };
    const isOther = item.state !== known.state || item.waveform_url !== known.waveform_url;
    if (isOther || item.poster_url !== known.poster_url || isSame(item, known)) this.#lookNow();
    else this.learn(item);
  }

  /** The server says that the item is gone: it was deleted, and its owner may restore it. */
  removed(): void {
    if (this.#closed) return;
    this.#look().catch((error: unknown) => {
      if (asCallError(error).code === 'unknown_item') this.#fail(error);
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#player?.close();
    this.#opening.release();
    this.leave();
  }

  /** Removes what must not stay in this browser, because the page may not return. */
  leave(): void {
    if (this.#leavesNothing) this.#setup.kept.forgetItem(this.itemId);
  }

  /**
   * Downloads the item as a file to save.
   *
   * @throws CallError if it cannot be loaded; or the signal's reason.
   */
  async file(progress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<SavedFile> {
    const manifest = await this.#read();
    const title = this.#item?.title ?? '';
    if (!canAssemble(manifest)) return { name: '', content: this.#address('download') };
    const { kept } = this.#setup;
    const among = (hashes: readonly string[]): Promise<ReadonlySet<string>> => kept.among(hashes);
    const content = await download(manifest, { fetcher: this.#opening.fetcher, among, progress, signal });
    return { name: fileName(title, extensionOf(content.type)), content };
  }

  async #start(): Promise<void> {
    const opening = this.#opening;
    const [allowed, found] = await Promise.allSettled([opening.allowed, opening.item]);
    if (this.#closed || this.#opening !== opening) return;
    if (found.status === 'fulfilled') this.#found(found.value);
    if (allowed.status === 'rejected') this.#fail(allowed.reason);
    else if (found.status === 'rejected') this.#fail(found.reason);
    if (allowed.status !== 'fulfilled' || this.#item?.state === 'failed') return;
    this.#openPlayer();
    void this.#readPeaks();
  }

  #openPlayer(): void {
    const { media, canPlay, changed, refused, arrived } = this.#setup;
    if (this.isAudio && this.#item?.waveform_url === undefined) this.#wave ??= new WaveForm(decodeSound, changed);
    const player = new ItemPlayer({
      media,
      canPlay,
      refused,
      fetcher: this.#opening.fetcher,
      manifest: () => this.#read(),
      changed: () => changed(),
      arrived: (piece, bytes, init) => {
        this.#opening.release();
        this.#wave?.add(piece, bytes, init);
        arrived();
      },
    });
    this.#player = player;
    if (this.#wantsToPlay) player.play();
    player.open();
    changed();
  }

  /** Without a measured waveform, it is drawn from the media as they arrive. */
  async #readPeaks(): Promise<void> {
    const url = this.#item?.waveform_url;
    if (url === undefined || !this.isAudio) return;
    const answer: unknown = await this.#setup.library.waveform(url, this.#opening.access.grant).catch(() => undefined);
    this.#peaks = readPeaks(answer);
    if (this.#peaks === undefined) this.#wave ??= new WaveForm(decodeSound, this.#setup.changed);
    this.#setup.changed();
  }

  async #read(): Promise<Manifest> {
    const manifest = await this.#opening.manifest();
    const isNew = this.#manifest?.takes.length !== manifest.takes.length || manifest.is_growing === true;
    this.#manifest = manifest;
    if (this.#item === undefined && !this.#opening.access.isOffline) this.#reached(manifest);
    if (isNew) this.#keep(manifest);
    if (this.#isCompleted) this.#lookAgain();
    return manifest;
  }

  /** The server is back, which could not be asked for the record before. */
  #reached(manifest: Manifest): void {
    this.#problem = undefined;
    this.#look()
      .then(() => this.#keep(manifest))
      .catch((error: unknown) => {
        if (!this.#closed) this.#fail(error);
      });
  }

  /** Stores the item for playback offline. Fragments that are already stored show in its waveform. */
  #keep(manifest: Manifest): void {
    const item = this.#item;
    if (this.#opening.access.isOffline || item === undefined) return;
    void this.#keepItem(item, manifest);
    void this.#drawKept(manifest);
  }

  /**
   * A private item is stored only for a signed-in person, until sign-out: for others there is no event when they leave.
   */
  async #keepItem(item: Item, manifest: Manifest): Promise<void> {
    const person = await this.#setup.person();
    if (item.visibility === 'private' && typeof person !== 'string') this.#leavesNothing = true;
    else this.#setup.kept.keepItem(item, manifest, person ?? null);
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
    const item = await this.#setup.library.item(this.itemId, this.#opening.access.grant);
    if (!this.#closed) this.#found(item);
  }

  #found(item: Item): void {
    this.#item = item;
    if (item.state === 'processing' || this.#isCompleted) this.#lookAgain();
    this.#setup.changed();
  }

  /** Whether the recording is complete although its record does not say so yet. */
  get #isCompleted(): boolean {
    return this.#item?.state === 'growing' && this.#manifest?.is_growing === false;
  }

  #lookAgain(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const isHearing = this.#item !== undefined && this.#setup.isHearing(this.#item);
    this.#timer = setTimeout(() => this.#lookNow(), isHearing ? FALL_BACK_MS : PROCESSING_MS);
  }

  #lookNow(): void {
    clearTimeout(this.#timer);
    const wasProcessing = this.#item?.state === 'processing';
    this.#look()
      .then(() => (wasProcessing && this.#item?.state !== 'processing' ? this.#again() : undefined))
      .catch(() => this.#lookAgain());
  }

  async #again(): Promise<void> {
    this.#problem = undefined;
    this.#player?.close();
    this.#opening.release();
    this.#opening = this.#setup.again();
    this.#wantsToPlay = false;
    await this.#start();
  }

  #fail(reason: unknown): void {
    const error = asCallError(reason);
    this.#problem = error;
    if (error.code === 'unknown_item') this.#setup.kept.forgetItem(this.itemId);
    this.#setup.changed();
  }

  #address(what: string): string {
    const place = `${this.#setup.base}/library/${this.itemId}`;
    const grant = this.#opening.access.grant;
    return grant === undefined ? `${place}/${what}` : `${place}/${what}?grant=${encodeURIComponent(grant)}`;
  }
}

/** Whether two records of an item say the same. */
function isSame(a: Item, b: Item): boolean {
  const text = (item: Item): string => JSON.stringify(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  return text(a) === text(b);
}
