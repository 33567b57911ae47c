// How loud the vocals of a party's song are for this member alone. At 1 the song plays as it is. Below, its stems take over, both in step on
// the same clock: they are fetched when the member first turns the vocals down. No DOM.

import type { SongEngine } from '../../audio/song-engine';
import type { SoundSource } from '../../audio/sound-source';
import type { ItemId, Stems } from '../../protocol/item';

/** How fast volumes change: slow enough not to click. */
const VOLUME_S = 0.015;

/** What it works with. */
export interface VocalsSetup {
  engine: Pick<SongEngine, 'add' | 'gain'>;
  context: Pick<AudioContext, 'currentTime'>;
  /** Opens a stem: its pieces are known. Rejects where this member may not play it, or the stem is gone. */
  open: (stem: ItemId) => Promise<SoundSource>;
  /** Where the song is, s. */
  positionS: () => number;
  /** Plays on with what was added to the engine; from when on, in the context's time. Undefined: not yet. */
  renew: () => number | undefined;
  changed: () => void;
}

/** See the head of the file. */
export class Vocals {
  readonly #setup: VocalsSetup;
  #stems: Stems | undefined;
  #share = 1;
  #state: 'unused' | 'loading' | 'added' | 'used' = 'unused';

  constructor(setup: VocalsSetup) {
    this.#setup = setup;
  }

  /** Whether they can be turned down. */
  get isThere(): boolean {
    return this.#stems !== undefined;
  }

  /** The song has these stems. */
  learn(stems: Stems | undefined): void {
    this.#stems = stems;
    this.#want();
    this.#setup.changed();
  }

  /** How loud they are, 0 to 1. */
  set(share: number): void {
    this.#share = share;
    this.#want();
    if (this.#state === 'used') this.#apply(this.#setup.context.currentTime);
  }

  /** To be called some times a second: stems that have come take over as soon as they can. */
  step(): void {
    if (this.#state !== 'added') return;
    const atS = this.#setup.renew();
    if (atS === undefined) return;
    this.#state = 'used';
    this.#apply(atS);
  }

  #want(): void {
    if (this.#share < 1 && this.#stems !== undefined && this.#state === 'unused') void this.#load(this.#stems);
  }

  async #load({ accompaniment, vocals }: Stems): Promise<void> {
    const { engine, open, positionS } = this.#setup;
    this.#state = 'loading';
    try {
      const sources = await Promise.all([open(accompaniment), open(vocals)]);
      // The engine waits for all that it has: it gets what is here.
      await Promise.all(sources.map((source) => source.load(source.placeAt(positionS()), true)));
      for (const source of sources) engine.add(source, 0);
      this.#state = 'added';
    } catch {
      this.#stems = undefined;
      this.#setup.changed();
    }
  }

  /** The song, its accompaniment, its vocals: the order in the engine. */
  #apply(atS: number): void {
    const volumes = this.#share >= 1 ? [1, 0, 0] : [0, 1, this.#share];
    volumes.forEach((volume, source) => this.#setup.engine.gain(source)?.setTargetAtTime(volume, atS, VOLUME_S));
  }
}
