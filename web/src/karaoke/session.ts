// A song that is sung to: its stems, the mix of them, its key, its lyrics. No DOM; the output is given.

import type { Library } from '../library/api';
import { download, extensionOf, fileName, type DownloadProgress } from '../library/download';
import type { Kept } from '../library/kept/kept';
import type { Opening } from '../library/opening';
import { readPeaks, type Wave } from '../library/peaks';
import type { SavedFile } from '../library/playing';
import type { ItemId, Stem } from '../protocol/item';
import { readLrc, type LyricLine } from './lrc';
import type { Song } from './opening';
import { StemPlayer, type StemOutput, type StemState } from './stem-player';
import { StemSource } from './stem-source';

/** Order of the stems in the player. */
const [ACCOMPANIMENT, VOCALS] = [0, 1];
/** How far the key goes, in semitones. */
export const MOST_SEMITONES = 6;

/** What plays the stems. */
export interface KaraokeOutput extends StemOutput {
  setVolume(volume: number): void;
  /** Rejects where the browser cannot. */
  setKey(semitones: number): Promise<void>;
}

/** What a session works with. */
export interface SessionSetup {
  library: Pick<Library, 'lyrics' | 'waveform'>;
  kept: Pick<Kept, 'among'>;
  open: (id: ItemId) => Opening;
  canPlay: (mime: string) => boolean;
  output: (rate: number, stems: number) => KaraokeOutput;
  /** Something that is shown changed. */
  changed: () => void;
}

/** See the head of the file. */
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
    const sources = this.#openings.map(
      (opening) =>
        new StemSource({
          fetcher: opening.fetcher,
          canPlay: setup.canPlay,
          manifest: async () => {
            await opening.allowed;
            return await opening.manifest();
          },
        }),
    );
    this.#player = new StemPlayer({
      sources,
      output: (rate) => this.#makeOutput(rate, sources.length),
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

  /** Undefined until it is known whether there are any. */
  get lines(): readonly LyricLine[] | undefined {
    return this.#lines;
  }

  get wave(): Wave | undefined {
    return this.#wave;
  }

  /** By how many semitones the key is changed. */
  get semitones(): number {
    return this.#semitones;
  }

  /** False once the browser refused to change the key. */
  get canShift(): boolean {
    return this.#canShift;
  }

  /** Reads the song, its lyrics and its wave form. */
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

  /** How loud the vocals are, from 0 to 1. At 1 the song sounds as it was recorded. */
  setVocals(share: number): void {
    this.#player.setGain(VOCALS, share);
    this.#player.setGain(ACCOMPANIMENT, 1);
  }

  setVolume(volume: number): void {
    this.#volume = volume;
    this.#output?.setVolume(volume);
  }

  /** Changes the key by so many semitones. */
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

  /** Shows the lyrics at this address, or none. */
  async readLyrics(url: string | undefined): Promise<void> {
    try {
      this.#lines = url === undefined ? [] : readLrc(await this.#setup.library.lyrics(url));
    } catch {
      this.#lines = [];
    }
    this.#setup.changed();
  }

  /**
   * A stem as a file to save.
   *
   * @throws CallError where it cannot be had, and the signal's reason.
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

  /** Ends it. */
  close(): void {
    this.#player.close();
    for (const opening of this.#openings) opening.release();
  }

  #makeOutput(rate: number, stems: number): KaraokeOutput {
    const output = this.#setup.output(rate, stems);
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
