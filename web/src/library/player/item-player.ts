// Plays one item in a media element. It appends pieces from the playhead on, in order and a bounded time ahead, from
// transfers that began earlier. A seek loads only its target, and nothing in between. Takes follow one another in one
// buffer, or in a new media source if the kinds of tracks change. No DOM but the given media element.

import { asCallError, CallError } from '../../protocol/error';
import { backOffMs } from '../../api/back-off';
import type { Manifest } from '../../protocol/item';
import type { Fetcher } from '../fetcher';
import { placeAt, planOf, type Piece, type Plan } from '../plan';
import { BufferedPieces } from './buffered';
import { Feed, NoRoom } from './feed';
import { Lookahead } from './lookahead';
import { attachSource, type Attach, type Media, type Source } from './media';

/** How far ahead of the playhead pieces are appended. */
const AHEAD_MS = 60_000;
/** Poll interval for the manifest of a growing item. */
const GROWTH_MS = 3_000;
/** A gap this short is skipped at once, because media need not be contiguous to the millisecond. */
const JUMP_MS = 250;
/** Number of undecodable fragments after which playback fails. */
const MOST_DAMAGED = 5;
/** Part of Firefox's error if there is no audio device; the media is not damaged then. */
const NO_SOUND = 'MediaSink';
/** `HAVE_CURRENT_DATA`: the browser has decoded the media at the playhead. */
const DECODED = 2;
/** The longest time that the next piece waits for that: some media needs it to be decoded. */
const DECODING_MS = 300;
const RETRY = { firstMs: 500, longestMs: 8_000 };

/** The state of a player. */
export interface PlayerState {
  /** `waiting`: no node is reachable, and the player keeps trying. */
  phase: 'opening' | 'playing' | 'waiting' | 'failed';
  durationMs: number;
  isGrowing: boolean;
  /** Why it is waiting or failed. */
  error?: CallError;
}

/** Dependencies and callbacks of a player. */
export interface PlayerSetup {
  media: Media;
  fetcher: Pick<Fetcher, 'open'>;
  manifest: () => Promise<Manifest>;
  canPlay: (mime: string) => boolean;
  changed: (state: PlayerState) => void;
  /** A piece has arrived completely. */
  arrived?: (piece: Piece, bytes: Uint8Array<ArrayBuffer>, init: Uint8Array<ArrayBuffer> | undefined) => void;
  /** The browser requires a press before the page may play. */
  refused?: () => void;
  attach?: Attach;
  aheadMs?: number;
  growthMs?: number;
}

/** A media source with its feed and buffer. */
interface Stage {
  source: Source;
  feed: Feed;
  tracks: Piece['run']['tracks'];
  buffered: BufferedPieces;
}

/** A media source of the media element; `signal` aborts when it is removed. */
interface Attached {
  opened: Promise<Source>;
  signal: AbortSignal;
}

/** The playback of one item. */
export class ItemPlayer {
  readonly #setup: PlayerSetup;
  readonly #media: Media;
  readonly #closed = new AbortController();
  readonly #lookahead: Lookahead;
  #plan: Plan = { pieces: [], durationMs: 0, isGrowing: false, unplayable: [] };
  #stage: Stage | undefined;
  /** Fragments that this browser cannot decode. */
  readonly #damaged = new Set<string>();
  #state: PlayerState = { phase: 'opening', durationMs: 0, isGrowing: false };
  #wantsToPlay = false;
  #attaching = new AbortController();
  /** A new media source that is still empty. */
  #fresh: Attached | undefined;
  /** The playhead at the last comparison of the buffer with the appended pieces. */
  #recheckedMs: number | undefined;
  #wake: (() => void) | undefined;
  #woken = false;
  #growth: ReturnType<typeof setTimeout> | undefined;

  constructor(setup: PlayerSetup) {
    this.#setup = setup;
    this.#media = setup.media;
    this.#lookahead = new Lookahead(setup.fetcher);
    const options = { signal: this.#closed.signal };
    for (const event of ['seeking', 'timeupdate', 'play', 'waiting', 'stalled', 'error'])
      this.#media.addEventListener(event, () => this.#poke(), options);
    // Caused by the browser, or a media key of the system.
    this.#media.addEventListener('pause', () => (this.#wantsToPlay = !this.#media.paused), options);
    this.#media.addEventListener('play', () => (this.#wantsToPlay = true), options);
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** The plan, as far as known. */
  get plan(): Plan {
    return this.#plan;
  }

  /** Whether the media source is being replaced; playback stands still meanwhile. */
  get isRestaging(): boolean {
    return this.#stage === undefined && this.#plan.pieces.length > 0;
  }

  /** Opens the item at `startMs`; the media element decides whether it plays. */
  open(startMs = 0): void {
    // Opening takes browsers a while, so it runs in parallel with the manifest.
    this.#fresh = this.#attach();
    void this.#run(startMs);
  }

  /** Plays, now or as soon as there is media. */
  play(): void {
    this.#wantsToPlay = true;
    if (this.#stage === undefined) return;
    this.#media.play().catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== 'NotAllowedError' || this.#isClosed) return;
      this.#wantsToPlay = false;
      this.#setup.refused?.();
    });
  }

  pause(): void {
    this.#wantsToPlay = false;
    this.#media.pause();
  }

  seek(ms: number): void {
    const most = Math.max(0, this.#state.durationMs - 1);
    const to = Math.min(Math.max(0, ms), most);
    if (this.#stage !== undefined && this.#isElsewhere(to, this.#stage))
      this.#restage(to).catch((error: unknown) => this.#fail(error));
    else this.#media.currentTime = to / 1000;
    this.#poke();
  }

  /** Closes the player. The media element is empty afterwards. */
  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    clearTimeout(this.#growth);
    this.#lookahead.close();
    this.#attaching.abort();
    this.#media.pause();
    this.#media.removeAttribute('src');
    this.#media.load();
    this.#poke();
  }

  async #run(startMs: number): Promise<void> {
    try {
      await this.#persist(async () => this.#learn(await this.#setup.manifest()));
      if (this.#plan.pieces.length === 0 && !this.#plan.isGrowing) throw this.#nothing();
      this.#watchGrowth();
      while (this.#plan.pieces.length === 0) await this.#sleep();
      await this.#restage(startMs);
      while (!this.#isClosed) await this.#fill();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#tell({ phase: 'failed', error: asCallError(error) });
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  get #positionMs(): number {
    return this.#media.currentTime * 1000;
  }

  #nothing(): CallError {
    const [mime] = this.#plan.unplayable;
    return mime === undefined
      ? new CallError('item_not_ready', 'the item has no media')
      : new CallError('unsupported_media', `this browser cannot play ${mime}`);
  }

  /** Creates a media source for the media at `ms`. */
  async #restage(ms: number): Promise<void> {
    const piece = this.#plan.pieces[placeAt(this.#plan, ms)] ?? this.#plan.pieces.at(-1);
    if (piece === undefined) return;
    this.#stage = undefined;
    this.#prefetch(piece);
    const { opened, signal } = this.#fresh ?? this.#attach();
    this.#fresh = undefined;
    let source: Source;
    try {
      source = await opened;
    } catch (error) {
      // Another source replaced it, or the player was closed.
      if (signal.aborted) return;
      throw error;
    }
    const { run } = piece;
    const feed = new Feed(source.addSourceBuffer(run.mime), run, signal);
    this.#stage = { source, feed, tracks: run.tracks, buffered: new BufferedPieces(run.tracks) };
    this.#recheckedMs = undefined;
    this.#stretch();
    if (ms > 0) this.#media.currentTime = ms / 1000;
    // An element pauses by itself when its source is replaced.
    if (this.#wantsToPlay) this.play();
    this.#tell({ phase: 'playing' });
    this.#poke();
  }

  /** Replaces the media source of the element. */
  #attach(): Attached {
    this.#attaching.abort();
    this.#attaching = new AbortController();
    const { signal } = this.#attaching;
    const opened = (this.#setup.attach ?? attachSource)(this.#media, signal);
    // The promise's users handle its failures.
    opened.catch(() => undefined);
    return { opened, signal };
  }

  /** Appends the next piece, or waits until one is needed. */
  async #fill(): Promise<void> {
    const stage = this.#stage;
    if (stage === undefined) return this.#sleep();
    const { error } = this.#media;
    if (error?.message.includes(NO_SOUND))
      throw new CallError('unsupported_media', 'no device to play sound', { reason: 'no_sound' });
    if (error !== null) return this.#skipDamaged(stage, this.#pieceAt(this.#positionMs));
    const piece = this.#wanted(stage);
    if (piece === undefined) {
      this.#jump(stage);
      this.#finish(stage);
      return this.#sleep();
    }
    if (piece.run.tracks !== stage.tracks) return this.#change(stage, piece);
    this.#prefetch(piece);
    try {
      await this.#persist(() => this.#append(stage, piece));
    } catch (error) {
      if (this.#isGone(stage)) return;
      if (asCallError(error).code !== 'malformed_media') throw error;
      await this.#skipDamaged(stage, piece);
    }
  }

  /** The first piece from the playhead on that is not in the buffer. */
  #wanted({ buffered, feed }: Stage): Piece | undefined {
    const positionMs = this.#positionMs;
    this.#recheck(buffered, feed, positionMs);
    let aheadBytes = 0;
    const { pieces } = this.#plan;
    for (let place = placeAt(this.#plan, positionMs); place < pieces.length; place++) {
      const piece = pieces[place];
      if (piece === undefined || piece.startMs > positionMs + (this.#setup.aheadMs ?? AHEAD_MS)) return undefined;
      if (this.#damaged.has(piece.id)) continue;
      if (!buffered.has(piece))
        return aheadBytes > 0 && aheadBytes + piece.bytes > buffered.mostAheadBytes ? undefined : piece;
      aheadBytes += piece.bytes;
    }
    return undefined;
  }

  /** Browsers drop media by themselves: pieces that are missing at the target of a seek are fetched again. */
  #recheck(buffered: BufferedPieces, feed: Feed, positionMs: number): void {
    if (!this.#media.seeking || this.#recheckedMs === positionMs) return;
    this.#recheckedMs = positionMs;
    const piece = this.#pieceAt(positionMs);
    const isThere = feed.ranges.some(({ startMs, endMs }) => positionMs >= startMs - 100 && positionMs < endMs + 100);
    if (piece !== undefined && !isThere && positionMs < piece.endMs - 500) buffered.delete(piece);
  }

  #pieceAt(ms: number): Piece | undefined {
    return this.#plan.pieces[placeAt(this.#plan, ms)];
  }

  async #append(stage: Stage, piece: Piece): Promise<void> {
    const { init } = piece.run;
    const hold = this.#lookahead.take(piece);
    const initBytes = init === undefined ? undefined : await this.#lookahead.init(init);
    if (this.#isOutdated(stage, piece)) return;
    await this.#makeRoom(stage, piece);
    await stage.feed.begin(piece, initBytes);
    let at = 0;
    for (;;) {
      const bytes = await hold.read(at);
      if (this.#isOutdated(stage, piece)) {
        stage.feed.interrupt();
        return;
      }
      if (bytes === undefined) break;
      await this.#appendBytes(stage, bytes);
      at += bytes.byteLength;
      this.#tell({ phase: 'playing' });
      this.#jump(stage);
    }
    stage.feed.completed(piece);
    stage.buffered.add(piece);
    this.#stretch();
    this.#setup.arrived?.(piece, await hold.bytes(), initBytes);
    this.#lookahead.done(piece);
    if (!this.#isDecoded && this.#wanted(stage) !== undefined) await this.#decoding();
  }

  /** Waits while the browser decodes the media at the playhead: fetching and appending more would delay that. */
  async #decoding(): Promise<void> {
    const over = new AbortController();
    const { signal } = over;
    const changed = new Promise<void>((resolve) => {
      for (const event of ['loadeddata', 'canplay', 'seeking', 'seeked', 'error'])
        this.#media.addEventListener(event, resolve, { signal });
    });
    await Promise.race([changed, this.#pause(DECODING_MS)]);
    over.abort();
  }

  get #isDecoded(): boolean {
    return this.#media.readyState >= DECODED;
  }

  async #appendBytes(stage: Stage, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    while (!this.#isGone(stage)) {
      try {
        await stage.feed.append(bytes);
        return;
      } catch (error) {
        if (!(error instanceof NoRoom)) throw error;
        stage.buffered.full();
        const past = stage.feed.ranges.find(({ startMs }) => startMs < this.#positionMs - 2_000);
        if (past) await stage.feed.remove({ startMs: 0, endMs: this.#positionMs - 1_000 });
        else await this.#sleep();
      }
    }
  }

  async #makeRoom({ feed, buffered }: Stage, next: Piece): Promise<void> {
    for (const piece of buffered.surplus(this.#positionMs, next)) {
      buffered.delete(piece);
      await feed.remove(piece);
    }
  }

  #isGone(stage: Stage): boolean {
    return this.#isClosed || this.#stage !== stage;
  }

  /** Whether `piece` is no longer the next one to append, because of a seek. */
  #isOutdated(stage: Stage, piece: Piece): boolean {
    if (this.#isGone(stage)) return true;
    const positionMs = this.#positionMs;
    if (positionMs >= piece.startMs && positionMs < piece.endMs) return false;
    return this.#wanted(stage)?.id !== piece.id;
  }

  #prefetch(piece: Piece): void {
    const { pieces } = this.#plan;
    const from = placeAt(this.#plan, piece.startMs);
    const buffered = this.#stage?.buffered;
    const next = pieces
      .slice(from, from + 4)
      .filter((other) => buffered?.has(other) !== true && !this.#damaged.has(other.id));
    this.#lookahead.want(next.slice(0, this.#isDecoded ? 3 : 1));
  }

  /** Switches to a new media source for `piece`, whose kinds of tracks differ, once the playhead is there. */
  async #change(stage: Stage, piece: Piece): Promise<void> {
    const end = stage.feed.ranges.findLast(({ startMs }) => startMs <= this.#positionMs)?.endMs ?? 0;
    const isThere = this.#positionMs >= Math.min(piece.startMs, end) - 60;
    if (isThere || this.#positionMs >= piece.startMs) await this.#restage(Math.max(piece.startMs, this.#positionMs));
    else await this.#sleep();
  }

  #isElsewhere(ms: number, stage: Stage): boolean {
    const piece = this.#pieceAt(ms);
    return piece !== undefined && piece.run.tracks !== stage.tracks;
  }

  /** Continues after a piece that this browser cannot decode. */
  async #skipDamaged(stage: Stage, piece: Piece | undefined): Promise<void> {
    if (this.#isGone(stage)) return;
    const failure = new CallError('malformed_media', this.#media.error?.message ?? 'the media is damaged');
    if (piece === undefined || this.#damaged.size >= MOST_DAMAGED) throw failure;
    this.#damaged.add(piece.id);
    const rest = this.#plan.pieces.slice(placeAt(this.#plan, piece.startMs) + 1);
    if (rest.length === 0) throw failure;
    const isAhead = this.#positionMs < piece.startMs;
    await this.#restage(isAhead ? this.#positionMs : piece.endMs);
  }

  /** Skips a gap in the buffer that no piece will fill. */
  #jump({ feed, buffered }: Stage): void {
    const positionMs = this.#positionMs;
    const { ranges } = feed;
    if (ranges.some(({ startMs, endMs }) => positionMs >= startMs && positionMs < endMs - 50)) return;
    const next = ranges.find(({ startMs }) => startMs > positionMs);
    if (next === undefined) return;
    const { pieces } = this.#plan;
    const missing = (piece: Piece): boolean => !buffered.has(piece) && !this.#damaged.has(piece.id);
    const isOpen = pieces
      .slice(placeAt(this.#plan, positionMs), placeAt(this.#plan, next.startMs + 1))
      .some((piece) => piece.startMs < next.startMs && missing(piece));
    if (!isOpen || next.startMs - positionMs <= JUMP_MS) this.#media.currentTime = next.startMs / 1000 + 0.001;
  }

  /** Ends the media source after the last piece. */
  #finish({ source, buffered }: Stage): void {
    const last = this.#plan.pieces.at(-1);
    if (this.#plan.isGrowing || last === undefined || source.readyState !== 'open') return;
    if (buffered.has(last) || this.#damaged.has(last.id)) source.endOfStream();
  }

  #learn(manifest: Manifest): void {
    this.#plan = planOf(manifest, this.#setup.canPlay);
    this.#tell({ durationMs: this.#plan.durationMs, isGrowing: this.#plan.isGrowing });
    this.#stretch();
    this.#poke();
  }

  /** Sets the duration of the media source to that of the item. */
  #stretch(): void {
    const stage = this.#stage;
    if (stage?.source.readyState !== 'open') return;
    const seconds = this.#plan.durationMs / 1000;
    const end = (stage.feed.ranges.at(-1)?.endMs ?? 0) / 1000;
    if (!(stage.source.duration >= seconds)) {
      try {
        stage.source.duration = Math.max(seconds, end);
      } catch {
        // The buffer is busy; tried again next time.
      }
    }
  }

  #watchGrowth(): void {
    if (!this.#plan.isGrowing || this.#isClosed) return;
    this.#growth = setTimeout(() => {
      this.#setup
        .manifest()
        .then((manifest) => this.#learn(manifest))
        // Tried again next time.
        .catch(() => undefined)
        .finally(() => this.#watchGrowth());
    }, this.#setup.growthMs ?? GROWTH_MS);
  }

  /** Repeats an action after temporary failures, until the player is closed. */
  async #persist(action: () => Promise<void>): Promise<void> {
    for (let failures = 1; !this.#isClosed; failures++) {
      try {
        await action();
        return;
      } catch (problem) {
        const error = asCallError(problem);
        if (!error.mayPass || isAbort(problem)) throw error;
        this.#lookahead.forget();
        this.#tell({ phase: 'waiting', error });
        await this.#pause(backOffMs(RETRY, failures, error));
      }
    }
  }

  #tell(change: Partial<PlayerState>): void {
    const next: PlayerState = { ...this.#state, ...change };
    // An error belongs to the phase in which it was reported.
    if (change.phase !== undefined && change.error === undefined) delete next.error;
    if (this.#isClosed || JSON.stringify(next) === JSON.stringify(this.#state)) return;
    this.#state = next;
    this.#setup.changed(next);
  }

  /** Sleeps until something happens that may change the wanted piece. */
  async #sleep(): Promise<void> {
    if (!this.#woken) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#woken = false;
  }

  #poke(): void {
    this.#woken = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = new AbortController();
      const end = (): void => {
        clearTimeout(timer);
        over.abort();
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#closed.signal.addEventListener('abort', end, { signal: over.signal });
    });
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
