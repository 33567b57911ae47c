// Fetches and decodes the sound of one item, piece by piece. Decoders need the sound before a piece for its beginning,
// and they drop the first samples of each file. So each piece is decoded together with the previous one, whose part is
// then cut off: pieces follow one another to the sample, whatever the codec. The first piece of a run is decoded alone.
// Decoded sound is kept up to a limit. No DOM but the decoder.

import { backOffMs } from '../api/back-off';
import { asCallError, CallError } from '../protocol/error';
import type { BlobName } from '../protocol/item';
import type { Fetcher, Hold } from '../library/fetcher';
import type { Priority } from '../library/turns';
import { placeAt, type Piece, type Plan } from '../library/plan';
import { decodeTimeOf, timescaleOf } from './fragment-time';

/** Limit of decoded sound in memory: what plays, what comes next, and what the listener heard before. */
const MOST_DECODED_BYTES = 24 * 1024 * 1024;
/** Fetched pieces that are kept, each to decode the next one. */
const KEPT_FILES = 2;
/** Number of undecodable pieces after which the source fails. */
const MOST_DAMAGED = 5;
/** Manifests count in milliseconds, so differences below this are rounding. */
const ROUNDING_MS = 2;
const RETRY = { firstMs: 500, longestMs: 8_000 };

/** Decoded sound. */
export type Sound = Pick<AudioBuffer, 'getChannelData' | 'length' | 'numberOfChannels'>;

/** Turns files into sound. */
export interface Decoder<S extends Sound> {
  /** Samples per second of the decoded sound. */
  readonly rate: number;
  /** Decodes a whole file. The buffer is detached. */
  decode(file: ArrayBuffer): Promise<S>;
  /** Returns the sound without its first `from` samples. */
  after(sound: S, from: number): S;
}

/** A decoded piece and its place in the item. */
export interface PlacedSound<S extends Sound> {
  /**
   * The sample of the item at which it begins: exact if the media has a start time, else rounded to the millisecond.
   */
  readonly firstSample: number;
  readonly length: number;
  /** Undefined if it cannot be decoded; it is then silent. */
  readonly sound: S | undefined;
}

/** Dependencies and callbacks of a source. */
export interface SourceSetup<S extends Sound> {
  fetcher: Pick<Fetcher, 'open'>;
  decoder: Decoder<S>;
  /** Called after a piece was decoded. */
  decoded?: (piece: Piece, sound: S) => void;
  /** Called when a try failed temporarily; another try follows. */
  failed?: (error: CallError) => void;
  /** Waits between tries. */
  pause?: (ms: number) => Promise<void>;
}

/** A piece that is decoded or being decoded. */
interface Entry<S extends Sound> {
  /** Whether it was decoded without the previous piece. */
  isAlone: boolean;
  loaded: Promise<PlacedSound<S>>;
  placed: PlacedSound<S> | undefined;
}

/** The fetched piece before another one. */
interface Lead {
  id: string;
  file: Uint8Array;
}

/** The decoded pieces of one item. */
export class SoundSource<S extends Sound = AudioBuffer> {
  readonly #setup: SourceSetup<S>;
  readonly #entries = new Map<string, Entry<S>>();
  readonly #files = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #inits = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  readonly #holds = new Set<Hold>();
  /** How many samples pieces give when they are decoded alone. */
  readonly #aloneLengths = new Map<string, number>();
  #plan: Plan = { pieces: [], durationMs: 0, isGrowing: false, unplayable: [] };
  #damaged = 0;
  #hasDecoded = false;
  #problem: CallError | undefined;
  #isClosed = false;

  constructor(setup: SourceSetup<S>) {
    this.#setup = setup;
  }

  /** Replaces the plan; a later plan of a growing item has more pieces. */
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

  /** The index of the piece that is heard at `positionS`, or of the first one after it. */
  placeAt(positionS: number): number {
    return placeAt(this.#plan, positionS * 1000);
  }

  get count(): number {
    return this.#plan.pieces.length;
  }

  /** The piece, if it is decoded. `isFirst`: nothing is heard just before it. */
  peek(place: number, isFirst: boolean): PlacedSound<S> | undefined {
    return this.#known(place, isFirst)?.placed;
  }

  /**
   * Loads a piece. Temporary failures are retried for as long as the source is open.
   *
   * @throws CallError if it cannot be loaded; `malformed_media` if this browser cannot decode the item.
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

  /** Fetches a piece, to be decoded later. A failure shows when the piece is loaded. */
  fetch(place: number): void {
    const piece = this.#plan.pieces[place];
    if (piece === undefined) return;
    const files = piece.run.init ? [this.#init(piece.run.init), this.#file(piece)] : [this.#file(piece)];
    for (const file of files) file.catch(() => undefined);
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
    // Moves the entry to the end, because the least recently used one is dropped first.
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    return entry;
  }

  /** The previous piece, if its sound continues in the piece at `place`. */
  #before(place: number): Piece | undefined {
    const [before, piece] = [this.#plan.pieces[place - 1], this.#plan.pieces[place]];
    return before !== undefined && before.run === piece?.run && before.endMs === piece.startMs ? before : undefined;
  }

  /** Decoders may cut samples off the end of an item. */
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
    const lead = isAlone || before === undefined ? undefined : { id: before.id, file: await this.#file(before) };
    const file = await this.#file(piece);
    try {
      const sound = await this.#decode(init, lead, file);
      if (lead === undefined) this.#aloneLengths.set(piece.id, sound.length);
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

  /** Decodes `file`, whose sound follows that of `lead`. */
  async #decode(init: Uint8Array | undefined, lead: Lead | undefined, file: Uint8Array): Promise<S> {
    const { decoder } = this.#setup;
    const [whole, before] = await Promise.all([
      decoder.decode(joined([init, lead?.file, file])),
      lead && this.#aloneLength(init, lead),
    ]);
    return before === undefined ? whole : decoder.after(whole, before);
  }

  /** How many samples `lead` gives when it is decoded alone. */
  async #aloneLength(init: Uint8Array | undefined, { id, file }: Lead): Promise<number> {
    const known = this.#aloneLengths.get(id);
    if (known !== undefined) return known;
    const { length } = await this.#setup.decoder.decode(joined([init, file]));
    this.#aloneLengths.set(id, length);
    return length;
  }

  /** How many samples the decoder cut off the beginning, if it cannot have cut any off the end. */
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
    // The source was closed between two tries.
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

  /** Drops the least recently used entries. */
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

/** Returns the pending or finished call for `id`; asks again after a failure. */
function kept<T>(known: Map<string, Promise<T>>, id: string, ask: () => Promise<T>): Promise<T> {
  let asked = known.get(id);
  if (asked === undefined) {
    asked = ask();
    asked.catch(() => known.delete(id));
    known.set(id, asked);
  }
  return asked;
}

/** When a piece begins in the item, ms: exact if its media has a start time. */
function startMsOf({ run, startMs }: Piece, init: Uint8Array | undefined, file: Uint8Array): number {
  const [timescale, ticks] = [init && timescaleOf(init), decodeTimeOf(file)];
  if (timescale === undefined || ticks === undefined) return startMs;
  const exactMs = (ticks * 1000) / timescale + run.offsetMs;
  // A large difference is intended: the manifest leaves out parts that are not played. Its time counts then.
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

/** A decoder that uses an audio context. */
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
