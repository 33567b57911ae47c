// A karaoke session: the stems of a song and their mix, the key, the lyrics. No DOM; the output is passed in.

import { contextDecoder, SoundSource } from '../audio/sound-source';
import type { Library } from '../library/api';
import { download, extensionOf, fileName, type DownloadProgress } from '../library/download';
import type { Kept } from '../library/kept/kept';
import type { Opening } from '../library/opening';
import { readPeaks, type Wave } from '../library/peaks';
import type { SavedFile } from '../library/playing';
import type { CallError } from '../protocol/error';
import type { ItemId, Stem } from '../protocol/item';
import { readLrc, type LyricLine } from './lrc';
import type { Song } from './opening';
import { rateOf, stemPlan } from './stem-plan';
import { StemPlayer, type OpenStems, type StemOutput, type StemState } from './stem-player';

/** Order of the stems in the player. */
const [ACCOMPANIMENT, VOCALS] = [0, 1];
/** The largest change of the key, in semitones. */
export const MOST_SEMITONES = 6;

/** The output that a session plays through. */
export interface KaraokeOutput extends StemOutput {
  readonly context: StemOutput['context'] & Pick<AudioContext, 'createBuffer' | 'decodeAudioData'>;
  setVolume(volume: number): void;
  /** Rejects if the browser cannot change the key. */
  setKey(semitones: number): Promise<void>;
}

/** Dependencies and callbacks of a session. */
export interface SessionSetup {
  library: Pick<Library, 'lyrics' | 'waveform'>;
  kept: Pick<Kept, 'among'>;
  open: (id: ItemId) => Opening;
  canPlay: (mime: string) => boolean;
  output: (rate: number) => KaraokeOutput;
  /** Called when displayed state changed. */
  changed: () => void;
}

/** The state and controls of one karaoke page. */
export class KaraokeSession {
  readonly song: Song;
  readonly #setup: SessionSetup;
  readonly #openings: readonly Opening[];
  readonly #player: StemPlayer;
  #output: KaraokeOutput | undefined;
  #lines: readonly LyricLine[] | undefined;
  #wave: Wave | undefined;
  #volume = 1;
  #semitones = 0;
  #canShift = true;

  constructor(song: Song, setup: SessionSetup) {
    this.song = song;
    this.#setup = setup;
    this.#openings = [setup.open(song.stems.accompaniment), setup.open(song.stems.vocals)];
    this.#player = new StemPlayer({
      open: (failed) => this.#openStems(failed),
      changed: () => setup.changed(),
    });
  }

  get state(): StemState {
    return this.#player.state;
  }

  get positionMs(): number {
    return this.#player.positionMs;
  }

  /** Whether it plays, or will as soon as it can. */
  get isWanted(): boolean {
    return this.#player.isWanted;
  }

  /** The lyrics; undefined until it is known whether there are any. */
  get lines(): readonly LyricLine[] | undefined {
    return this.#lines;
  }

  get wave(): Wave | undefined {
    return this.#wave;
  }

  /** The change of the key, in semitones. */
  get semitones(): number {
    return this.#semitones;
  }

  /** False after the browser refused to change the key. */
  get canShift(): boolean {
    return this.#canShift;
  }

  /** Loads the song, its lyrics and its waveform. */
  open(): void {
    void this.#player.open().finally(() => this.#openings.forEach((opening) => opening.release()));
    void this.readLyrics(this.song.source.lyrics_url);
    void this.#readWave(this.song.source.waveform_url);
  }

  play(): void {
    this.#player.play();
  }

  pause(): void {
    this.#player.pause();
  }

  seek(ms: number): void {
    this.#player.seek(ms);
    this.#setup.changed();
  }

  /** Sets the volume of the vocals, from 0 to 1. At 1 the song sounds as recorded. */
  setVocals(share: number): void {
    this.#player.setGain(VOCALS, share);
    this.#player.setGain(ACCOMPANIMENT, 1);
  }

  setVolume(volume: number): void {
    this.#volume = volume;
    this.#output?.setVolume(volume);
  }

  /** Changes the key to `semitones` from the original one. */
  async setKey(semitones: number): Promise<void> {
    this.#semitones = Math.min(MOST_SEMITONES, Math.max(-MOST_SEMITONES, semitones));
    this.#setup.changed();
    try {
      await this.#output?.setKey(this.#semitones);
    } catch {
      this.#semitones = 0;
      this.#canShift = false;
      this.#setup.changed();
    }
  }

  /** Loads the lyrics from this address, or shows none. */
  async readLyrics(url: string | undefined): Promise<void> {
    try {
      this.#lines = url === undefined ? [] : readLrc(await this.#setup.library.lyrics(url));
    } catch {
      this.#lines = [];
    }
    this.#setup.changed();
  }

  /**
   * Downloads a stem as a file to save.
   *
   * @throws CallError if it cannot be loaded; or the signal's reason.
   */
  async file(stem: Stem, progress: (progress: DownloadProgress) => void, signal: AbortSignal): Promise<SavedFile> {
    const opening = this.#openings[stem === 'vocals' ? VOCALS : ACCOMPANIMENT];
    if (opening === undefined) throw new Error('a song has two stems');
    const { fetcher } = opening;
    const { kept } = this.#setup;
    const among = (hashes: readonly string[]): Promise<ReadonlySet<string>> => kept.among(hashes);
    const content = await download(await opening.manifest(), { fetcher, among, progress, signal });
    return { name: fileName(`${this.song.source.title} (${stem})`, extensionOf(content.type)), content };
  }

  /** Stops playback and releases everything. */
  close(): void {
    this.#player.close();
    for (const opening of this.#openings) opening.release();
  }

  async #openStems(failed: (error: CallError) => void): Promise<OpenStems> {
    const stems = await Promise.all(
      this.#openings.map(async (opening) => {
        await opening.allowed;
        return { fetcher: opening.fetcher, plan: stemPlan(await opening.manifest(), this.#setup.canPlay) };
      }),
    );
    const rates = await Promise.all(stems.map(({ plan, fetcher }) => rateOf(plan, fetcher)));
    const output = this.#makeOutput(Math.max(...rates));
    const decoder = contextDecoder(output.context);
    const sources = stems.map(({ plan, fetcher }) => {
      const source = new SoundSource({ fetcher, decoder, failed });
      source.learn(plan);
      return source;
    });
    return { sources, output };
  }

  #makeOutput(rate: number): KaraokeOutput {
    const output = this.#setup.output(rate);
    this.#output = output;
    output.setVolume(this.#volume);
    if (this.#semitones !== 0) void this.setKey(this.#semitones);
    return output;
  }

  async #readWave(url: string | undefined): Promise<void> {
    if (url === undefined) return;
    const answer: unknown = await this.#setup.library.waveform(url).catch(() => undefined);
    this.#wave = readPeaks(answer);
    this.#setup.changed();
  }
}
