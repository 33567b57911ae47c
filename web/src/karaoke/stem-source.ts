// The decoded sound of one stem, piece by piece, each with the sample at which it begins. A few pieces are kept, so memory does not grow
// with the song. No DOM but the decoder that it is given.

import { CallError } from '../protocol/error';
import type { Manifest } from '../protocol/item';
import type { Fetcher, Hold } from '../library/fetcher';
import { placeAt, planOf, type Piece, type Plan } from '../library/plan';
import { decodeTimeOf, timescaleOf } from './fragment-time';

/** Decoded pieces that are kept: those that play, those ahead, and where the person was. */
const KEPT_PIECES = 6;
const DEFAULT_RATE = 48_000;
const MOST_RATE = 96_000;

/** Decoded sound. */
export type Sound = Pick<AudioBuffer, 'length' | 'numberOfChannels' | 'getChannelData'>;

/** A piece of sound and the sample of the stem at which it begins. */
export interface PlacedSound {
  firstSample: number;
  sound: Sound;
}

/** What a source works with. */
export interface SourceSetup {
  fetcher: Pick<Fetcher, 'open'>;
  manifest: () => Promise<Manifest>;
  canPlay: (mime: string) => boolean;
}

/** Decodes a whole file to sound of the rate that is played; the bytes are taken. */
export type Decode = (file: ArrayBuffer) => Promise<Sound>;

/** See the head of the file. */
export class StemSource {
  readonly #setup: SourceSetup;
  readonly #inits = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #decoded = new Map<number, Promise<PlacedSound>>();
  readonly #holds = new Set<Hold>();
  #plan: Plan = { pieces: [], durationMs: 0, isGrowing: false, unplayable: [] };

  constructor(setup: SourceSetup) {
    this.#setup = setup;
  }

  get durationMs(): number {
    return this.#plan.durationMs;
  }

  /** How many pieces there are. */
  get count(): number {
    return this.#plan.pieces.length;
  }

  /** The piece that is heard at `ms`. */
  placeAt(ms: number): number {
    return placeAt(this.#plan, ms);
  }

  /**
   * Reads the manifest. Gives the sample rate.
   *
   * @throws CallError where the stem cannot be had, or not be played in this browser.
   */
  async open(): Promise<number> {
    this.#plan = planOf(await this.#setup.manifest(), this.#setup.canPlay);
    const [first] = this.#plan.pieces;
    if (first === undefined) {
      const [mime] = this.#plan.unplayable;
      if (mime === undefined) throw new CallError('item_not_ready', 'the stem has no media');
      throw new CallError('unsupported_media', `this browser cannot play ${mime}`);
    }
    const init = await this.#init(first);
    const rate = (init && timescaleOf(init)) ?? DEFAULT_RATE;
    return rate >= 8_000 && rate <= MOST_RATE ? rate : DEFAULT_RATE;
  }

  /**
   * A piece, decoded to `rate`. Asked for again, it is there at once while it is kept.
   *
   * @throws CallError where it cannot be had or decoded.
   */
  piece(place: number, rate: number, decode: Decode): Promise<PlacedSound> {
    const known = this.#decoded.get(place);
    const sound = known ?? this.#load(place, rate, decode);
    // The last one that was asked for goes last.
    this.#decoded.delete(place);
    this.#decoded.set(place, sound);
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size <= KEPT_PIECES) break;
      this.#decoded.delete(oldest);
    }
    if (known === undefined) sound.catch(() => this.#decoded.delete(place));
    return sound;
  }

  /** Ends all transfers. */
  close(): void {
    for (const hold of this.#holds) hold.close();
    this.#decoded.clear();
    this.#inits.clear();
  }

  async #load(place: number, rate: number, decode: Decode): Promise<PlacedSound> {
    const piece = this.#plan.pieces[place];
    if (piece === undefined) throw new CallError('item_not_ready', `the stem has no piece ${place}`);
    const [init, bytes] = await Promise.all([this.#init(piece), this.#fetch(piece)]);
    const firstSample = firstSampleOf(piece, init, bytes, rate);
    try {
      return { firstSample, sound: await decode(joined(init, bytes)) };
    } catch (cause) {
      throw new CallError('malformed_media', 'this browser cannot decode a piece of the stem', { cause });
    }
  }

  async #init({ run }: Piece): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (run.init === undefined) return undefined;
    const { hash } = run.init;
    let bytes = this.#inits.get(hash);
    if (bytes === undefined) {
      bytes = this.#fetch(run.init);
      bytes.catch(() => this.#inits.delete(hash));
      this.#inits.set(hash, bytes);
    }
    return await bytes;
  }

  async #fetch(blob: { hash: string; bytes: number }): Promise<Uint8Array<ArrayBuffer>> {
    const hold = this.#setup.fetcher.open(blob, 'play');
    this.#holds.add(hold);
    try {
      return await hold.bytes();
    } finally {
      this.#holds.delete(hold);
      hold.close();
    }
  }
}

/** By the media's own time, which is exact, else by the manifest's. */
function firstSampleOf(piece: Piece, init: Uint8Array | undefined, fragment: Uint8Array, rate: number): number {
  const ticks = decodeTimeOf(fragment);
  const timescale = init && timescaleOf(init);
  if (ticks === undefined || timescale === undefined) return Math.round((piece.startMs * rate) / 1000);
  return Math.round((ticks / timescale + piece.run.offsetMs / 1000) * rate);
}

function joined(init: Uint8Array | undefined, bytes: Uint8Array): ArrayBuffer {
  const file = new Uint8Array((init?.byteLength ?? 0) + bytes.byteLength);
  if (init) file.set(init);
  file.set(bytes, init?.byteLength ?? 0);
  return file.buffer;
}
