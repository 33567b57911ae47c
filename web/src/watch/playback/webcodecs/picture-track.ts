// The pictures of one take: encoded ones wait within a bound, are decoded shortly before they are due, and the newest due
// one is handed out. A decoder that fails is made anew and goes on at the next keyframe.

import { Decoding } from './decoding';
import type { FrameRecord } from './records';

/** Most bytes that wait; at 2.5 Mbit/s about half a minute. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Pictures are decoded so long before they are due, and no more of them at a time: they take much memory. */
const DECODE_AHEAD_MS = 250;
const MOST_DECODED = 8;
/** What a decoder is given at a time. */
const MOST_IN_DECODER = 8;
/** A decoder that is behind by so much goes on at the next keyframe, if that is due. */
const BEHIND_MS = 400;
/** A picture that is late by more is passed over while later ones are about to be decoded: as in the group of a joiner. */
const LATE_MS = 150;

/** What is used of a VideoDecoder; tests bring their own. */
export type PictureDecoder = Pick<VideoDecoder, 'configure' | 'decode' | 'decodeQueueSize' | 'close' | 'state'>;

/** Makes decoders. */
export type CreatePictureDecoder = (init: VideoDecoderInit) => PictureDecoder;

/** An encoded picture that waits. */
interface WaitingPicture {
  ptsMs: number;
  dtsMs: number;
  key: boolean;
  data: Uint8Array<ArrayBuffer>;
}

/** A picture to show; whoever takes it closes it. */
export interface Picture {
  ptsMs: number;
  frame: VideoFrame;
}

/** See the head of the file. Times are those of the player's clock, milliseconds. */
export class PictureTrack {
  readonly #decoding: Decoding<EncodedVideoChunk, VideoFrame>;
  #waiting: WaitingPicture[] = [];
  #bytes = 0;
  #needsKey = true;
  #decoded: Picture[] = [];
  #dropped = 0;
  #closed = false;

  /** `failed` hears when decoding fails again and again. */
  constructor(
    config: VideoDecoderConfig,
    failed: (reason: string) => void,
    create: CreatePictureDecoder = (init) => new VideoDecoder(init),
  ) {
    const owner = {
      decoded: (frame: VideoFrame) => this.#add(frame),
      broke: () => void (this.#needsKey = true),
      failed,
    };
    this.#decoding = new Decoding(owner, (init) => {
      const decoder = create(init);
      decoder.configure(config);
      return decoder;
    });
  }

  /** Pictures that were never handed out. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds the next picture; `offsetMs` lays its take on the player's clock. */
  push({ ptsUs, dtsUs, key, data }: FrameRecord, offsetMs: number): void {
    this.#waiting.push({ ptsMs: ptsUs / 1000 + offsetMs, dtsMs: dtsUs / 1000 + offsetMs, key, data });
    this.#bytes += data.byteLength;
    if (this.#bytes > MOST_BYTES) this.#skipTo(this.#waiting.findLastIndex((waiting) => waiting.key));
  }

  /** Decodes what is due soon at `positionMs`. */
  decode(positionMs: number): void {
    this.#skipLate(positionMs);
    while (!this.#closed) {
      const [next] = this.#waiting;
      if (next === undefined || next.dtsMs > positionMs + DECODE_AHEAD_MS) return;
      if (this.#decoded.length >= MOST_DECODED || this.#decoding.queued >= MOST_IN_DECODER) return;
      this.#waiting.shift();
      this.#bytes -= next.data.byteLength;
      if (this.#needsKey && !next.key) this.#dropped++;
      else this.#decodeOne(next);
    }
  }

  /** Takes out the newest picture that is due at `positionMs`, if there is a new one worth showing. */
  due(positionMs: number): Picture | undefined {
    const later = this.#decoded.findIndex(({ ptsMs }) => ptsMs > positionMs);
    const count = later < 0 ? this.#decoded.length : later;
    const due = this.#decoded.splice(0, count);
    const newest = due.pop();
    this.#drop(due);
    if (newest === undefined) return undefined;
    const [next] = this.#waiting;
    const catchesUp = next !== undefined && next.ptsMs <= positionMs && newest.ptsMs < positionMs - LATE_MS;
    if (!catchesUp) return newest;
    this.#drop([newest]);
    return undefined;
  }

  /** Forgets what waits: what comes next begins with a keyframe. */
  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#needsKey = true;
    this.#drop(this.#decoded.splice(0));
  }

  close(): void {
    this.#closed = true;
    this.clear();
    this.#decoding.close();
  }

  #skipLate(positionMs: number): void {
    const [next] = this.#waiting;
    if (next === undefined || next.ptsMs > positionMs - BEHIND_MS) return;
    this.#skipTo(this.#waiting.findLastIndex(({ key, ptsMs }) => key && ptsMs <= positionMs));
  }

  /** Drops what waits before the keyframe at `index`; without one, all of it. */
  #skipTo(index: number): void {
    if (index < 0 && this.#bytes <= MOST_BYTES) return;
    const dropped = this.#waiting.splice(0, index < 0 ? this.#waiting.length : index);
    this.#dropped += dropped.length;
    this.#needsKey ||= dropped.length > 0;
    this.#bytes = this.#waiting.reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  #decodeOne({ ptsMs, key, data }: WaitingPicture): void {
    this.#needsKey = false;
    const timestamp = Math.round(ptsMs * 1000);
    this.#decoding.decode(() => new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp, data }));
  }

  #add(frame: VideoFrame): void {
    const picture = { ptsMs: frame.timestamp / 1000, frame };
    const after = this.#decoded.findLastIndex(({ ptsMs }) => ptsMs <= picture.ptsMs);
    this.#decoded.splice(after + 1, 0, picture);
  }

  #drop(pictures: readonly Picture[]): void {
    this.#dropped += pictures.length;
    for (const { frame } of pictures) frame.close();
  }
}
