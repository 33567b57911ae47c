// An output whose clock the test moves, which notes what is scheduled, and stems of pieces that each sample can be told by.

import type { Bus, StemOutput } from './stem-player';
import type { PlacedSound, Sound, StemSource } from './stem-source';

/** Samples a second of all fakes. */
export const RATE = 1_000;

interface Scheduled {
  stem: number;
  /** The output's sample. */
  at: number;
  /** The media's sample. */
  media: number;
  count: number;
  isOpen: boolean;
}

/** See the head of the file. */
export class FakeOutput implements StemOutput {
  readonly rate = RATE;
  readonly latencyS = 0;
  now = 0;
  isAllowed = true;
  readonly scheduled: Scheduled[] = [];
  readonly gains: number[] = [];

  decode = (file: ArrayBuffer): Promise<Sound> => Promise.resolve(soundOf(0, file.byteLength));

  open(): Bus {
    const own: Scheduled[] = [];
    return {
      schedule: (stem, sound, at, from, to) => {
        const entry = { stem, at, media: firstOf(sound) + from, count: to - from, isOpen: true };
        own.push(entry);
        this.scheduled.push(entry);
      },
      close: () => own.forEach((entry) => (entry.isOpen = false)),
    };
  }

  resume(): Promise<boolean> {
    return Promise.resolve(this.isAllowed);
  }

  setGain(stem: number, gain: number): void {
    this.gains[stem] = gain;
  }

  close(): void {
    this.scheduled.length = 0;
  }

  /** The media's sample of a stem that is heard now; undefined for silence. */
  heard(stem: number): number | undefined {
    const entry = this.scheduled.find(
      (entry) => entry.isOpen && entry.stem === stem && this.now >= entry.at && this.now < entry.at + entry.count,
    );
    return entry && entry.media + this.now - entry.at;
  }
}

const FIRST = new WeakMap<Sound, number>();

/** Sound that knows where in the media it begins. */
export function soundOf(firstSample: number, length: number): Sound {
  const sound = { length, numberOfChannels: 1, getChannelData: () => new Float32Array(length) } as Sound;
  FIRST.set(sound, firstSample);
  return sound;
}

function firstOf(sound: Sound): number {
  return FIRST.get(sound) ?? 0;
}

/** A stem of pieces that begin at these samples, and end where the next one begins, the last one at `end`. */
export class FakeSource {
  readonly #starts: readonly number[];
  readonly #end: number;
  /** Pieces that do not come yet. */
  readonly held = new Map<number, () => void>();
  /** What is thrown for a piece, once. */
  readonly failing = new Map<number, Error>();
  readonly asked: number[] = [];
  isHeld: (place: number) => boolean = () => false;

  constructor(starts: readonly number[], end: number) {
    this.#starts = starts;
    this.#end = end;
  }

  get asSource(): StemSource {
    return this as unknown as StemSource;
  }

  get durationMs(): number {
    return (this.#end * 1000) / RATE;
  }

  get count(): number {
    return this.#starts.length;
  }

  placeAt(ms: number): number {
    return Math.max(
      0,
      this.#starts.findLastIndex((start) => (start * 1000) / RATE <= ms),
    );
  }

  open(): Promise<number> {
    return Promise.resolve(RATE);
  }

  async piece(place: number): Promise<PlacedSound> {
    this.asked.push(place);
    const error = this.failing.get(place);
    this.failing.delete(place);
    if (error !== undefined) throw error;
    if (this.isHeld(place)) await new Promise<void>((resolve) => this.held.set(place, resolve));
    const firstSample = this.#starts[place] ?? 0;
    const end = this.#starts[place + 1] ?? this.#end;
    return { firstSample, sound: soundOf(firstSample, end - firstSample) };
  }

  close(): void {
    this.held.clear();
  }
}
