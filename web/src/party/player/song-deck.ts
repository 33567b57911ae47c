// Plays a song of the party: gets access, decodes its fragments, and plays them on the clock of the page's sound. Songs
// that this browser cannot decode are left to a deck with a media element. No DOM.

import { contextDecoder, SoundSource } from '../../audio/sound-source';
import { SongEngine } from '../../audio/song-engine';
import { backOffMs } from '../../api/back-off';
import { ItemAccess } from '../../library/access';
import type { Library } from '../../library/api';
import { Fetcher } from '../../library/fetcher';
import { loudnessGain } from '../../library/loudness';
import { fetchManifest } from '../../library/manifests';
import { planOf, smallest, type Piece } from '../../library/plan';
import { decodeSound, WaveForm } from '../../library/waveform';
import { asCallError, CallError } from '../../protocol/error';
import type { ItemId } from '../../protocol/item';
import type { Entry, PartyTimeline } from '../../protocol/party';
import type { Deck } from './deck';
import { entryAccess, type EntryReading } from './entry-access';
import { SongFollower, type SongFollowerSetup } from './song-follower';
import type { PartySound } from './sound';
import { Vocals, type StemFormat } from './vocals';

/** Poll interval for the manifest of a growing item. */
const GROWTH_MS = 3_000;
/** A song that is paused for longer releases the sound card. */
const STANDS_MS = 60_000;
const RETRY = { firstMs: 500, longestMs: 8_000 };
/** How fast a playing song is adjusted to its level. */
const LEVEL_S = 0.02;

/** Dependencies of a deck. */
export interface SongDeckSetup extends Pick<SongFollowerSetup, 'clock' | 'trimMs'>, EntryReading {
  sound: PartySound;
  /** Reads the record of a song, and requests grants for its stems. */
  library: Pick<Library, 'item' | 'play'>;
  fetch: typeof fetch;
  /** Displayed state changed. */
  changed: () => void;
}

/** A deck that uses the page's audio context. */
export class SongDeck implements Deck {
  readonly entry: Entry;
  readonly isOnCanvas = false;
  readonly isForesighted = true;
  readonly wave: WaveForm;
  readonly #setup: SongDeckSetup;
  readonly #source: SoundSource;
  readonly #engine: SongEngine;
  readonly #follower: SongFollower;
  /** Equalises the loudness of songs. */
  readonly #level: GainNode;
  readonly #vocals: Vocals;
  #release: (() => void) | undefined;
  #cancelGrowth: (() => void) | undefined;
  #problem: CallError | undefined;
  #standsSinceMs: number | undefined;
  #isClosed = false;

  constructor(setup: SongDeckSetup, entry: Entry, timeline: PartyTimeline) {
    this.entry = entry;
    this.#setup = setup;
    this.#release = setup.sound.use();
    this.wave = new WaveForm(decodeSound, setup.changed);
    const access = entryAccess(setup, entry, () => this.#isClosed);
    const { sound } = setup;
    this.#source = this.#sourceOf(access, (piece, decoded) => this.wave.addSound(piece, decoded.getChannelData(0)));
    this.#level = sound.context.createGain();
    this.#level.connect(sound.output);
    // With one distance for all, members would fetch and decode at the same moments.
    const stagger = Math.random();
    const ahead = { startS: 7 - 4 * stagger, laterS: 15 - 5 * stagger };
    this.#engine = new SongEngine(sound.context, [this.#source], this.#level, { ahead });
    this.#follower = new SongFollower(
      { ...setup, engine: this.#engine, stagger, durationMs: () => this.#source.plan.durationMs },
      timeline,
    );
    this.#vocals = new Vocals({
      engine: this.#engine,
      context: sound.context,
      open: (stem, format) => this.#openStem(stem, format),
      positionS: () => this.#engine.positionAt(sound.context.currentTime) ?? this.timeline.position_ms / 1000,
      renew: () => this.#follower.renew(),
      changed: setup.changed,
      pause: (ms) => this.#pause(ms),
    });
    void this.#open(access);
  }

  get timeline(): PartyTimeline {
    return this.#follower.timeline;
  }

  get problem(): CallError | undefined {
    return this.#problem ?? this.#source.problem;
  }

  get isUnfit(): boolean {
    return this.#source.problem?.code === 'malformed_media';
  }

  get isRefused(): boolean {
    return this.#setup.sound.isRefused;
  }

  get isPlaying(): boolean {
    return this.#follower.isPlaying;
  }

  get isOver(): boolean {
    return this.#follower.isOver;
  }

  get lateMs(): number | undefined {
    return this.#follower.lateMs;
  }

  isBuffering(serverMs: number, nowMs: number): boolean {
    return this.problem === undefined && !this.isRefused && this.#follower.isBuffering(serverMs, nowMs);
  }

  announce(next: PartyTimeline | undefined): void {
    this.#follower.announce(next);
    if (next !== undefined) this.#standsSinceMs = undefined;
  }

  follow(timeline: PartyTimeline): void {
    this.#follower.follow(timeline);
    this.#standsSinceMs = undefined;
  }

  step(serverMs: number, nowMs: number): void {
    this.#rest(nowMs);
    this.#setup.sound.read();
    this.#vocals.step();
    this.#follower.step(serverMs, nowMs);
  }

  get hasVocals(): boolean {
    return this.#vocals.isThere;
  }

  setVocals(share: number): void {
    this.#vocals.set(share);
  }

  unlock(): void {
    // The page's sound is unlocked for all decks together.
  }

  soundChanged(): void {
    // The page's sound has the volume.
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelGrowth?.();
    this.#release?.();
    this.#vocals.close();
    this.#engine.close();
    this.#level.disconnect();
  }

  #sourceOf(access: ItemAccess, decoded?: (piece: Piece, sound: AudioBuffer) => void): SoundSource {
    const { sound, fetch } = this.#setup;
    return new SoundSource({
      fetcher: new Fetcher(access, { fetch }),
      decoder: contextDecoder(sound.context),
      ...(decoded === undefined ? {} : { decoded }),
      pause: (ms) => this.#pause(ms),
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#setup.timers.after(ms, resolve));
  }

  async #openStem(itemId: ItemId, format: StemFormat): Promise<SoundSource> {
    const { library, origin, base, fetch } = this.#setup;
    const access = new ItemAccess({ itemId, play: (id) => library.play(id), origin, keptBase: base });
    await access.open();
    const manifest = await fetchManifest(access, fetch);
    // Checked first, because the page's sound may already be closed.
    if (this.#isClosed) throw new CallError('item_not_ready', 'the deck is closed');
    const source = this.#sourceOf(access);
    source.learn(planOf(format === 'smallest' ? smallest(manifest) : manifest, () => true));
    return source;
  }

  /** Reads the loudness of the song, and its stems; playback does not wait for them. */
  async #learnItem(grant: string | undefined): Promise<void> {
    const { library, sound } = this.#setup;
    const item = await library.item(this.entry.item_id ?? '', grant).catch(() => undefined);
    if (item === undefined || this.#isClosed) return;
    this.#level.gain.setTargetAtTime(loudnessGain(item), sound.context.currentTime, LEVEL_S);
    this.#vocals.learn(item.stems);
  }

  /** Releases the sound card while the party is paused for long. */
  #rest(nowMs: number): void {
    this.#standsSinceMs = this.timeline.paused ? (this.#standsSinceMs ?? nowMs) : undefined;
    if (this.#standsSinceMs !== undefined && nowMs - this.#standsSinceMs > STANDS_MS) {
      this.#release?.();
      this.#release = undefined;
    } else this.#release ??= this.#setup.sound.use();
  }

  async #open(access: ReturnType<typeof entryAccess>): Promise<void> {
    for (let failures = 1; !this.#isClosed; failures++) {
      try {
        if (access.isOffline) {
          await access.open();
          void this.#learnItem(access.grant);
        }
        this.#source.learn(planOf(await fetchManifest(access, this.#setup.fetch), () => true));
        break;
      } catch (problem) {
        const error = asCallError(problem);
        if (!error.mayPass) {
          this.#fail(error);
          return;
        }
        await this.#pause(backOffMs(RETRY, failures, error));
      }
    }
    const { count, plan } = this.#source;
    if (count === 0 && !plan.isGrowing) this.#fail(new CallError('item_not_ready', 'the item has no media'));
    else this.#watchGrowth(access);
  }

  #fail(error: CallError): void {
    if (this.#isClosed) return;
    this.#problem = error;
    this.#setup.changed();
  }

  #watchGrowth(access: ReturnType<typeof entryAccess>): void {
    if (!this.#source.plan.isGrowing || this.#isClosed) return;
    this.#cancelGrowth = this.#setup.timers.after(GROWTH_MS, () => {
      fetchManifest(access, this.#setup.fetch)
        .then((manifest) => this.#source.learn(planOf(manifest, () => true)))
        // The next round tries again.
        .catch(() => undefined)
        .finally(() => this.#watchGrowth(access));
    });
  }
}
