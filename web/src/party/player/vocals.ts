// The volume of a song's vocals, for this member only. At 1 the song plays unchanged. Below 1 its two stems play
// instead, in step on the same clock; they are fetched when the member first turns the vocals down. No DOM.

import { backOffMs } from '../../api/back-off';
import type { SongEngine } from '../../audio/song-engine';
import type { SoundSource } from '../../audio/sound-source';
import type { Plan } from '../../library/plan';
import { asCallError } from '../../protocol/error';
import type { ItemId, Stems } from '../../protocol/item';

/** Time constant of volume changes: slow enough not to click. */
const VOLUME_S = 0.015;
const RETRY = { firstMs: 500, longestMs: 8_000 };
/** The plan of an abandoned stem, so that the engine does not wait for it. */
const NOTHING: Plan = { pieces: [], durationMs: 0, isGrowing: false, unplayable: [] };

/** Which of a stem's formats to play: the smallest, or the first. */
export type StemFormat = 'smallest' | 'first';

/** Dependencies and callbacks of vocals. */
export interface VocalsSetup {
  engine: Pick<SongEngine, 'add' | 'gain'>;
  context: Pick<AudioContext, 'currentTime'>;
  /** Opens a stem and reads its plan. Rejects if this member may not play it, or the stem is gone. */
  open: (stem: ItemId, format: StemFormat) => Promise<SoundSource>;
  /** The position in the song, s. */
  positionS: () => number;
  /**
   * Starts a new run with all sources of the engine. Returns its start, in the context's time; undefined if that is
   * impossible now.
   */
  renew: () => number | undefined;
  changed: () => void;
  /** The pause between two tries. */
  pause: (ms: number) => Promise<void>;
}

/** Switches one song between its mix and its stems. */
export class Vocals {
  readonly #setup: VocalsSetup;
  #stems: Stems | undefined;
  #share = 1;
  #state: 'unused' | 'loading' | 'added' | 'used' = 'unused';
  /** The open stems. */
  #sources: SoundSource[] = [];
  #format: StemFormat = 'smallest';
  #isClosed = false;

  constructor(setup: VocalsSetup) {
    this.#setup = setup;
  }

  /** Whether the vocals can be turned down. */
  get isThere(): boolean {
    return this.#stems !== undefined;
  }

  /** Sets the stems of the song; undefined if it has none. */
  learn(stems: Stems | undefined): void {
    this.#stems = stems;
    this.#want();
    this.#setup.changed();
  }

  /** Sets the volume of the vocals, 0 to 1. */
  set(share: number): void {
    this.#share = share;
    this.#want();
    if (this.#state === 'used') this.#apply(this.#setup.context.currentTime);
  }

  /** Switches to stems that are ready, and back to the song if one fails. To be called a few times a second. */
  step(): void {
    if (this.#sources.some(({ problem }) => problem !== undefined) && this.#state !== 'loading') this.#giveUp();
    if (this.#state !== 'added') return;
    const atS = this.#setup.renew();
    if (atS === undefined) return;
    this.#state = 'used';
    this.#apply(atS);
  }

  /** Ends all transfers. */
  close(): void {
    this.#isClosed = true;
    this.#closeSources();
  }

  #want(): void {
    if (this.#share < 1 && this.#stems !== undefined && this.#state === 'unused') void this.#load(this.#stems);
  }

  async #load(stems: Stems): Promise<void> {
    this.#state = 'loading';
    for (let failures = 1; !this.#isClosed; failures++) {
      try {
        await this.#add(stems);
        return;
      } catch (problem) {
        const error = asCallError(problem);
        this.#closeSources();
        if (error.code === 'malformed_media' && this.#format === 'smallest') {
          this.#format = 'first';
        } else if (error.mayPass) {
          await this.#setup.pause(backOffMs(RETRY, failures, error));
        } else {
          this.#giveUp();
          return;
        }
      }
    }
  }

  async #add({ accompaniment, vocals }: Stems): Promise<void> {
    const { engine, open, positionS } = this.#setup;
    const opened = await Promise.allSettled([open(accompaniment, this.#format), open(vocals, this.#format)]);
    this.#sources = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
    if (this.#isClosed) this.#closeSources();
    // The engine waits for each of its sources, so they are added once their sound has loaded.
    await Promise.all(
      this.#sources.map(async (source) => {
        const place = source.placeAt(positionS());
        if (place < source.count) await source.load(place, true);
      }),
    );
    if (this.#isClosed) return;
    for (const source of this.#sources) engine.add(source, 0);
    this.#state = 'added';
  }

  /** Plays the unchanged song to its end. */
  #giveUp(): void {
    if (this.#isClosed) return;
    for (const source of this.#sources) source.learn(NOTHING);
    this.#closeSources();
    this.#share = 1;
    if (this.#state === 'used') this.#apply(this.#setup.context.currentTime);
    this.#state = 'unused';
    this.#stems = undefined;
    this.#setup.changed();
  }

  #closeSources(): void {
    for (const source of this.#sources) source.close();
    this.#sources = [];
  }

  /** Sets the volumes of the song, the accompaniment and the vocals. */
  #apply(atS: number): void {
    const volumes = this.#share >= 1 ? [1, 0, 0] : [0, 1, this.#share];
    volumes.forEach((volume, source) => this.#setup.engine.gain(source)?.setTargetAtTime(volume, atS, VOLUME_S));
  }
}
