// Plays an item of the party in one media element: gets access, fetches its fragments, and lets the library's player
// follow a timeline. No DOM but the given media element.

import { asCallError, type CallError } from '../../protocol/error';
import type { Entry, PartyTimeline } from '../../protocol/party';
import type { ItemAccess } from '../../library/access';
import { Fetcher } from '../../library/fetcher';
import { fetchManifest } from '../../library/manifests';
import { ItemPlayer } from '../../library/player/item-player';
import type { Attach } from '../../library/player/media';
import { decodeSound, WaveForm } from '../../library/waveform';
import type { Deck } from './deck';
import { entryAccess, type EntryReading } from './entry-access';
import { Follower, type FollowerSetup } from './follower';
import type { PartyMedia } from './media';

/** Dependencies of a deck. */
export interface DeckSetup
  extends Pick<FollowerSetup, 'clock' | 'timers' | 'lead' | 'now' | 'trimMs' | 'elementSound' | 'begun'>, EntryReading {
  media: PartyMedia;
  fetch: typeof fetch;
  canPlay: (mime: string) => boolean;
  /** Connects a media source to the element. */
  attach?: Attach;
  /** Displayed state changed. */
  changed: () => void;
}

/** A deck with a media element. */
export class ItemDeck implements Deck {
  readonly entry: Entry;
  readonly media: PartyMedia;
  readonly hasVocals = false;
  readonly isOnCanvas = false;
  readonly isUnfit = false;
  readonly isForesighted = false;
  readonly #player: ItemPlayer;
  readonly #follower: Follower;
  readonly #clock: DeckSetup['clock'];
  readonly #changed: () => void;
  readonly wave: WaveForm | undefined;
  #problem: CallError | undefined;
  #isRefused = false;
  #isClosed = false;

  /** Plays `entry` from `positionMs` on as soon as `timeline` reaches it. */
  constructor(setup: DeckSetup, entry: Entry, timeline: PartyTimeline, positionMs: number) {
    this.entry = entry;
    this.media = setup.media;
    this.#clock = setup.clock;
    this.#changed = setup.changed;
    this.wave = entry.is_video === true ? undefined : new WaveForm(decodeSound, setup.changed);
    const { fetch } = setup;
    const access = entryAccess(setup, entry, () => this.#isClosed);
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

  /** Whether the browser requires a press before it plays. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  get isPlaying(): boolean {
    return this.#follower.isPlaying;
  }

  get isOver(): boolean {
    return this.media.ended || this.media.paused;
  }

  get lateMs(): number | undefined {
    return this.#follower.lateMs;
  }

  isBuffering(serverMs: number, nowMs: number): boolean {
    return this.problem === undefined && !this.#isRefused && this.#follower.isBuffering(serverMs, nowMs);
  }

  announce(): void {
    // Another element prepares for it.
  }

  follow(timeline: PartyTimeline, serverMs: number): void {
    this.#follower.follow(timeline, serverMs);
  }

  step(serverMs: number, nowMs: number): void {
    const { paused, ended } = this.media;
    // The system or a key paused it: it resumes when the person says so. An element whose source is replaced resumes by
    // itself.
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

  setVocals(): void {
    // It has no vocals.
  }

  soundChanged(): void {
    // The media element's own volume applies.
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

  #refuse(): void {
    this.#isRefused = true;
    this.#follower.stop();
    this.#changed();
  }
}
