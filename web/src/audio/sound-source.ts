// Fetches and decodes the sound of one item, piece by piece. Decoders need the sound before a piece for its beginning, and drop some of what
// they begin with. So each piece is decoded together with the one before it, and that one's part is cut off: pieces follow one another to
// the sample, whatever the codec. The first piece of a run is decoded alone. Decoded sound is kept up to a bound. No DOM but the decoder.

import { backOffMs } from '../api/back-off';
import { asCallError, CallError } from '../protocol/error';
import type { BlobName } from '../protocol/item';
import type { Fetcher, Hold } from '../library/fetcher';
import type { Priority } from '../library/turns';
import { placeAt, type Piece, type Plan } from '../library/plan';
import { decodeTimeOf, timescaleOf } from './fragment-time';

/** Most decoded sound that is kept: what plays, what comes next, and where the listener was before. */
const MOST_DECODED_BYTES = 24 * 1024 * 1024;
/** Fetched pieces that are kept, each for the decoding of the next. */
const KEPT_FILES = 2;
/** Pieces that cannot be decoded before the source fails. */
const MOST_DAMAGED = 5;
/** Manifests count in milliseconds: differences below this are rounding. */
const ROUNDING_MS = 2;
const RETRY = { firstMs: 500, longestMs: 8_000 };

/** Decoded sound. */
export type Sound = Pick<AudioBuffer, 'getChannelData' | 'length' | 'numberOfChannels'>;

/** Turns files into sound. */
export interface Decoder<S extends Sound> {
  /** Samples a second of what it gives. */
  readonly rate: number;
  /** Decodes a whole file; the bytes are taken. */
  decode(file: ArrayBuffer): Promise<S>;
  /** What follows the first `from` samples. */
  after(sound: S, from: number): S;
}

/** A piece of sound. */
export interface PlacedSound<S extends Sound> {
  /** The sample of the item at which it begins: exact where its media says so, else to the millisecond. */
  readonly firstSample: number;
  readonly length: number;
  /** Undefined where it cannot be decoded: it is silent. */
  readonly sound: S | undefined;
}

/** What a source works with. */
export interface SourceSetup<S extends Sound> {
  fetcher: Pick<Fetcher, 'open'>;
  decoder: Decoder<S>;
  /** A piece was decoded. */
  decoded?: (piece: Piece, sound: S) => void;
  /** A try failed for a reason that passes; there will be another one. */
  failed?: (error: CallError) => void;
  /** Resolves later; between tries. */
  pause?: (ms: number) => Promise<void>;
}

/** A piece that is decoded, or will be. */
interface Entry<S extends Sound> {
  /** Its beginning was decoded without the piece before. */
  isAlone: boolean;
  loaded: Promise<PlacedSound<S>>;
  placed: PlacedSound<S> | undefined;
}

/** See the head of the file. */
export class SoundSource<S extends Sound = AudioBuffer> {
  readonly #setup: SourceSetup<S>;
  readonly #entries = new Map<string, Entry<S>>();
  readonly #files = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #inits = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #holds = new Set<Hold>();
  #plan: Plan = { pieces: [], durationMs: 0, isGrowing: false, unplayable: [] };
  #damaged = 0;
  #hasDecoded = false;
  #problem: CallError | undefined;
  #isClosed = false;

  constructor(setup: SourceSetup<S>) {
    this.#setup = setup;
  }

  /** What is played; a later plan of an item that grows has more. */
  learn(plan: Plan): void {
    this.#plan = plan;
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** Why nothing more can be decoded, or `undefined`. */
  get problem(): CallError | undefined {
    return this.#problem;
  }

  /** The place of the piece that is heard at `positionS`, or of the first one after it. */
  placeAt(positionS: number): number {
    return placeAt(this.#plan, positionS * 1000);
  }

  /** How many pieces there are. */
  get count(): number {
    return this.#plan.pieces.length;
  }

  /** The piece, if it is decoded. `isFirst`: nothing is heard just before it. */
  peek(place: number, isFirst: boolean): PlacedSound<S> | undefined {
    return this.#known(place, isFirst)?.placed;
  }

  /**
   * The piece. What fails for reasons that pass is tried again for as long as the source is open.
   *
   * @throws CallError where it cannot be had, `malformed_media` where this browser cannot decode the item.
   */
  load(place: number, isFirst: boolean): Promise<PlacedSound<S>> {
    const known = this.#known(place, isFirst);
    if (known !== undefined) return known.loaded;
    if (this.#problem !== undefined) return Promise.reject(this.#problem);
    const piece = this.#plan.pieces[place];
    if (piece === undefined) return Promise.reject(new CallError('item_not_ready', `there is no piece ${place}`));
    const isAlone = this.#before(place) === undefined || (isFirst && !this.#isLast(place));
    const entry: Entry<S> = { isAlone, loaded: this.#persist(place, isAlone), placed: undefined };
    this.#entries.set(piece.id, entry);
    entry.loaded.then(
      (placed) => {
        entry.placed = placed;
        this.#trim(piece.id);
      },
      (error: unknown) => {
        this.#entries.delete(piece.id);
        this.#problem ??= asCallError(error);
      },
    );
    return entry.loaded;
  }

  /** Ends all transfers. */
  close(): void {
    this.#isClosed = true;
    for (const hold of this.#holds) hold.close();
    this.#entries.clear();
    this.#files.clear();
    this.#inits.clear();
  }

  #known(place: number, isFirst: boolean): Entry<S> | undefined {
    const id = this.#plan.pieces[place]?.id ?? '';
    const entry = this.#entries.get(id);
    if (entry === undefined || (entry.isAlone && !isFirst && this.#before(place) !== undefined)) return undefined;
    // Moved to the end: the entry that was used longest ago is dropped first.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry;
  }

  /** The piece whose sound goes on in that at `place`. */
  #before(place: number): Piece | undefined {
    const [before, piece] = [this.#plan.pieces[place - 1], this.#plan.pieces[place]];
    return before !== undefined && before.run === piece?.run && before.endMs === piece.startMs ? before : undefined;
  }

  /** Decoders may cut something off the end of an item. */
  #isLast(place: number): boolean {
    return place === this.count - 1 && !this.#plan.isGrowing;
  }

  async #persist(place: number, isAlone: boolean): Promise<PlacedSound<S>> {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#load(place, isAlone);
      } catch (problem) {
        const error = asCallError(problem);
        if (this.#isClosed || !error.mayPass) throw error;
        this.#setup.failed?.(error);
        await (this.#setup.pause ?? pause)(backOffMs(RETRY, failures, error));
      }
    }
  }

  async #load(place: number, isAlone: boolean): Promise<PlacedSound<S>> {
    const { pieces } = this.#plan;
    const [before, piece] = [this.#before(place), pieces[place]];
    if (piece === undefined) throw new CallError('item_not_ready', `there is no piece ${place}`);
    const init = piece.run.init && (await this.#init(piece.run.init));
    const lead = isAlone || before === undefined ? undefined : await this.#file(before);
    const file = await this.#file(piece);
    try {
      const sound = await this.#decode(init, lead, file);
      this.#setup.decoded?.(piece, sound);
      this.#hasDecoded = true;
      const cut = lead === undefined && !this.#isLast(place) ? this.#cutOf(piece, sound) : 0;
      const firstSample = this.#sampleAt(startMsOf(piece, init, file)) + cut;
      return { firstSample, length: sound.length, sound };
    } catch (cause) {
      if (!this.#hasDecoded || ++this.#damaged > MOST_DAMAGED)
        throw new CallError('malformed_media', 'this browser cannot decode the sound', { cause });
      return { firstSample: this.#sampleAt(piece.startMs), length: this.#lengthOf(piece), sound: undefined };
    }
  }

  /** The sound of `file`, which goes on after that of `lead`. */
  async #decode(init: Uint8Array | undefined, lead: Uint8Array | undefined, file: Uint8Array): Promise<S> {
    const { decoder } = this.#setup;
    const [whole, before] = await Promise.all([
      decoder.decode(joined([init, lead, file])),
      lead && decoder.decode(joined([init, lead])),
    ]);
    return before === undefined ? whole : decoder.after(whole, before.length);
  }

  /** How many samples the decoder cut off the beginning, where it cannot have cut any off the end. */
  #cutOf(piece: Piece, { length }: S): number {
    const cut = this.#lengthOf(piece) - length;
    return Math.abs(cut) < this.#sampleAt(ROUNDING_MS) ? 0 : cut;
  }

  #sampleAt(ms: number): number {
    return Math.round((ms * this.#setup.decoder.rate) / 1000);
  }

  #lengthOf({ startMs, endMs }: Piece): number {
    return this.#sampleAt(endMs) - this.#sampleAt(startMs);
  }

  #init(blob: BlobName): Promise<Uint8Array<ArrayBuffer>> {
    return kept(this.#inits, blob.hash, () => this.#fetch(blob, 'play'));
  }

  #file(piece: Piece): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = kept(this.#files, piece.id, () => this.#fetch(piece, 'play'));
    for (const oldest of this.#files.keys()) {
      if (this.#files.size <= KEPT_FILES) break;
      this.#files.delete(oldest);
    }
    return bytes;
  }

  async #fetch(blob: BlobName, priority: Priority): Promise<Uint8Array<ArrayBuffer>> {
    // It was closed between two tries.
    if (this.#isClosed) throw new CallError('item_not_ready', 'the source is closed');
    const hold = this.#setup.fetcher.open(blob, priority);
    this.#holds.add(hold);
    try {
      return await hold.bytes();
    } finally {
      this.#holds.delete(hold);
      hold.close();
    }
  }

  /** Drops the entries that were used longest ago. */
  #trim(newest: string): void {
    let bytes = 0;
    for (const { placed } of this.#entries.values())
      bytes += (placed?.sound?.numberOfChannels ?? 0) * (placed?.length ?? 0) * 4;
    for (const [id, { placed }] of this.#entries) {
      if (bytes <= MOST_DECODED_BYTES) return;
      if (id === newest || placed === undefined) continue;
      bytes -= (placed.sound?.numberOfChannels ?? 0) * placed.length * 4;
      this.#entries.delete(id);
    }
  }
}

/** Asks once; again after a failure. */
function kept<T>(known: Map<string, Promise<T>>, id: string, ask: () => Promise<T>): Promise<T> {
  let asked = known.get(id);
  if (asked === undefined) {
    asked = ask();
    asked.catch(() => known.delete(id));
    known.set(id, asked);
  }
  return asked;
}

/** When a piece begins in the item, ms: exact where its media says so. */
function startMsOf({ run, startMs }: Piece, init: Uint8Array | undefined, file: Uint8Array): number {
  const [timescale, ticks] = [init && timescaleOf(init), decodeTimeOf(file)];
  if (timescale === undefined || ticks === undefined) return startMs;
  const exactMs = (ticks * 1000) / timescale + run.offsetMs;
  // Manifests may leave out what players do not play: their time counts.
  return Math.abs(exactMs - startMs) < ROUNDING_MS ? exactMs : startMs;
}

function joined(pieces: readonly (Uint8Array | undefined)[]): ArrayBuffer {
  const parts = pieces.filter((part) => part !== undefined);
  const file = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.byteLength;
  }
  return file.buffer;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** By an audio context. */
export function contextDecoder(
  context: Pick<BaseAudioContext, 'createBuffer' | 'decodeAudioData' | 'sampleRate'>,
): Decoder<AudioBuffer> {
  return {
    rate: context.sampleRate,
    decode: (file) => context.decodeAudioData(file),
    after: (sound, from) => {
      const rest = context.createBuffer(sound.numberOfChannels, Math.max(1, sound.length - from), context.sampleRate);
      for (let channel = 0; channel < sound.numberOfChannels; channel++)
        rest.copyToChannel(sound.getChannelData(channel).subarray(from), channel);
      return rest;
    },
  };
}
