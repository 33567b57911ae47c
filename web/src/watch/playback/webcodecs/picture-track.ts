// The pictures of one take. Encoded ones wait, up to a limit, and are decoded shortly before they are due; the newest
// due one is returned. A decoder that failed is replaced and continues at the next keyframe.

import { Decoding } from './decoding';
import type { FrameRecord } from './records';

/** Most waiting bytes; about half a minute at 2.5 Mbit/s. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Decoded pictures take much memory: few are decoded, and only this long before they are due. */
const DECODE_AHEAD_MS = 250;
const MOST_DECODED = 8;
/** Most pictures in the decoder's queue. */
const MOST_IN_DECODER = 8;
/** A decoder this far behind continues at the next keyframe, if that is due. */
const BEHIND_MS = 400;
/** A later picture than this is skipped while newer ones are about to be decoded, as after joining. */
const LATE_MS = 150;

/** The part of a VideoDecoder that is used; tests pass their own. */
export type PictureDecoder = Pick<VideoDecoder, 'configure' | 'decode' | 'decodeQueueSize' | 'close' | 'state'>;

/** Creates decoders. */
export type CreatePictureDecoder = (init: VideoDecoderInit) => PictureDecoder;

/** An encoded picture in the queue. */
interface WaitingPicture {
  ptsMs: number;
  dtsMs: number;
  key: boolean;
  data: Uint8Array<ArrayBuffer>;
}

/** A picture to show; the receiver must close it. */
export interface Picture {
  ptsMs: number;
  frame: VideoFrame;
}

/** Decodes the pictures of one take. Times are on the player's clock, milliseconds. */
export class PictureTrack {
  readonly #decoding: Decoding<EncodedVideoChunk, VideoFrame>;
  #waiting: WaitingPicture[] = [];
  #bytes = 0;
  #needsKey = true;
  #decoded: Picture[] = [];
  #dropped = 0;
  #closed = false;

  /** `failed` is called when decoding fails repeatedly. */
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

  /** Number of pictures that were never returned. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds the next picture; `offsetMs` places its take on the player's clock. */
  push({ ptsUs, dtsUs, key, data }: FrameRecord, offsetMs: number): void {
    this.#waiting.push({ ptsMs: ptsUs / 1000 + offsetMs, dtsMs: dtsUs / 1000 + offsetMs, key, data });
    this.#bytes += data.byteLength;
    if (this.#bytes > MOST_BYTES) this.#skipTo(this.#waiting.findLastIndex((waiting) => waiting.key));
  }

  /** Decodes pictures that are due soon at `positionMs`. */
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

  /** Returns the newest picture that is due at `positionMs`, if there is a new one worth showing. */
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

  /** Drops waiting pictures; the next one must be a keyframe. */
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

  /** Drops the waiting pictures before the keyframe at `index`; without one, all of them. */
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
