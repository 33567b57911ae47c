// One entry of the party, an item, in one media element: the right to read it, its fragments, and the library's player, which follows a
// timeline. No DOM but the media element it is given.

import { backOffMs } from '../../api/back-off';
import { asCallError, type CallError, type ErrorCode } from '../../protocol/error';
import type { Playable } from '../../protocol/item';
import type { Entry, PartyTimeline } from '../../protocol/party';
import { ItemAccess } from '../../library/access';
import { Fetcher } from '../../library/fetcher';
import { fetchManifest } from '../../library/manifests';
import { ItemPlayer } from '../../library/player/item-player';
import type { Attach } from '../../library/player/media';
import { decodeSound, WaveForm } from '../../library/waveform';
import type { Deck } from './deck';
import { Follower, type FollowerSetup } from './follower';
import type { PartyMedia } from './media';

/** Pauses between calls for the right to read an entry: it may be heard in a moment. */
const RETRY = { firstMs: 300, longestMs: 4_000 };
/** Refusals that stay. */
const FINAL: readonly string[] = [
  'unknown_item',
  'unsupported_media',
  'not_allowed',
  'forbidden',
  'unauthorized',
  'invalid_request',
] satisfies ErrorCode[];
/** A server that is a moment behind another one gives these as well: they count after so many tries. */
const UNSURE: readonly string[] = ['unknown_entry', 'unknown_member', 'unknown_party'] satisfies ErrorCode[];
const UNSURE_TRIES = 6;

/** What a deck works with. */
export interface DeckSetup extends Pick<FollowerSetup, 'clock' | 'timers' | 'lead' | 'now' | 'trimMs' | 'begun'> {
  media: PartyMedia;
  /** The right to read the media of an entry. */
  playItem: (entry: Entry) => Promise<Playable>;
  fetch: typeof fetch;
  canPlay: (mime: string) => boolean;
  /** Gives the media element its source. */
  attach?: Attach;
  /** Addresses: of the page's host, and of the site on it. */
  origin: string;
  base: string;
  /** Something that is shown changed. */
  changed: () => void;
}

/** See the head of the file. */
export class ItemDeck implements Deck {
  readonly entry: Entry;
  readonly media: PartyMedia;
  readonly isOnCanvas = false;
  readonly #player: ItemPlayer;
  readonly #follower: Follower;
  readonly #clock: DeckSetup['clock'];
  readonly #changed: () => void;
  readonly #timers: DeckSetup['timers'];
  readonly #playItem: DeckSetup['playItem'];
  readonly wave: WaveForm | undefined;
  #problem: CallError | undefined;
  #isRefused = false;
  #isClosed = false;

  /** Plays `entry` from `positionMs` on as soon as `timeline` is there. */
  constructor(setup: DeckSetup, entry: Entry, timeline: PartyTimeline, positionMs: number) {
    this.entry = entry;
    this.media = setup.media;
    this.#clock = setup.clock;
    this.#changed = setup.changed;
    this.#timers = setup.timers;
    this.#playItem = setup.playItem;
    this.wave = entry.is_video === true ? undefined : new WaveForm(decodeSound, setup.changed);
    const { fetch, origin, base } = setup;
    const access = new ItemAccess({
      itemId: entry.item_id ?? '',
      play: () => this.#admit(),
      origin,
      keptBase: base,
    });
    this.#player = new ItemPlayer({
      media: setup.media,
      fetcher: new Fetcher(access, { fetch }),
      manifest: () => fetchManifest(access, fetch),
      canPlay: setup.canPlay,
      ...(setup.attach === undefined ? {} : { attach: setup.attach }),
      changed: () => setup.changed(),
      arrived: (piece, bytes, init) => this.wave?.add(piece, bytes, init),
      refused: () => this.#refuse(),
    });
    this.#follower = new Follower(
      {
        ...setup,
        play: () => this.#player.play(),
        pause: () => this.#player.pause(),
        seek: (ms) => this.#player.seek(ms),
        durationMs: () => this.#player.state.durationMs,
      },
      timeline,
      positionMs,
    );
    void this.#open(access, positionMs);
  }

  get timeline(): PartyTimeline {
    return this.#follower.timeline;
  }

  /** Why it cannot be played. */
  get problem(): CallError | undefined {
    return this.#problem ?? (this.#player.state.phase === 'failed' ? this.#player.state.error : undefined);
  }

  /** The browser wants a press before it plays. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  get isPlaying(): boolean {
    return this.#follower.isPlaying;
  }

  get lateMs(): number | undefined {
    return this.#follower.lateMs;
  }

  isBuffering(serverMs: number, nowMs: number): boolean {
    return this.problem === undefined && !this.#isRefused && this.#follower.isBuffering(serverMs, nowMs);
  }

  follow(timeline: PartyTimeline, serverMs: number): void {
    this.#follower.follow(timeline, serverMs);
  }

  step(serverMs: number, nowMs: number): void {
    const { paused, ended } = this.media;
    // By the system, or a key: it goes on when the person says so. An element that gets another source goes on by itself.
    if (this.#follower.isPlaying && paused && !ended && !this.#player.isRestaging) this.#refuse();
    this.#follower.step(serverMs, nowMs);
  }

  /** The person pressed something. */
  unlock(): void {
    if (!this.#isRefused) return;
    this.#isRefused = false;
    const serverMs = this.#clock.serverMs();
    if (serverMs !== undefined) this.#follower.resume(serverMs);
    this.#changed();
  }

  soundChanged(): void {
    // The media element is all that sounds.
  }

  close(): void {
    this.#isClosed = true;
    this.#follower.close();
    this.#player.close();
  }

  async #open(access: ItemAccess, positionMs: number): Promise<void> {
    try {
      await access.open();
      if (!this.#isClosed) this.#player.open(positionMs);
    } catch (error) {
      if (this.#isClosed) return;
      this.#problem = asCallError(error);
      this.#changed();
    }
  }

  /** The right to read the entry. It is asked for again while the entry plays or is announced, unless the refusal stays. */
  async #admit(): Promise<Playable> {
    for (let failures = 1, unsure = 0; ; failures++) {
      try {
        return await this.#playItem(this.entry);
      } catch (problem) {
        const error = asCallError(problem);
        if (UNSURE.includes(error.code)) unsure++;
        if (FINAL.includes(error.code) || unsure >= UNSURE_TRIES) throw error;
        await new Promise<void>((resolve) => this.#timers.after(backOffMs(RETRY, failures, error), resolve));
        // Nobody waits for it any more.
        if (this.#isClosed) throw error;
      }
    }
  }

  #refuse(): void {
    this.#isRefused = true;
    this.#follower.stop();
    this.#changed();
  }
}
