// The sound of one take: packets wait, up to a limit, and are decoded shortly before they are due; the samples go to
// the sound output. A decoder that failed is replaced.

import { Decoding } from './decoding';
import type { FrameRecord } from './records';
import type { SoundBlock } from './sound-message';

/** Packets are decoded this long before they are due. */
const DECODE_AHEAD_MS = 600;
/** Packets this shortly before the playhead only fill the decoder's memory; older ones are skipped. */
const PREROLL_MS = 100;
/** Most waiting packets: half a minute of 20 ms each. */
const MOST_WAITING = 1_500;
const MOST_IN_DECODER = 32;

/** The part of an AudioDecoder that is used; tests pass their own. */
export type SoundDecoder = Pick<AudioDecoder, 'configure' | 'decode' | 'decodeQueueSize' | 'close' | 'state'>;

/** Creates decoders. */
export type CreateSoundDecoder = (init: AudioDecoderInit) => SoundDecoder;

/** Callbacks of a sound track. */
export interface SoundTrackOwner {
  decoded(block: SoundBlock): void;
  /** Decoding fails repeatedly. */
  failed(reason: string): void;
}

interface WaitingSound {
  ptsMs: number;
  endMs: number;
  data: Uint8Array<ArrayBuffer>;
}

/** Decodes the sound of one take. Times are on the player's clock, milliseconds. */
export class SoundTrack {
  readonly #decoding: Decoding<EncodedAudioChunk, AudioData>;
  #waiting: WaitingSound[] = [];
  #endMs: number | undefined;

  constructor(
    config: AudioDecoderConfig,
    owner: SoundTrackOwner,
    create: CreateSoundDecoder = (init) => new AudioDecoder(init),
  ) {
    const decodingOwner = {
      decoded: (sound: AudioData) => {
        owner.decoded(blockOf(sound));
        sound.close();
      },
      broke: () => undefined,
      failed: (reason: string) => owner.failed(reason),
    };
    this.#decoding = new Decoding(decodingOwner, (init) => {
      const decoder = create(init);
      decoder.configure(config);
      return decoder;
    });
  }

  /** The end of the newest packet; undefined before the first. */
  get endMs(): number | undefined {
    return this.#endMs;
  }

  /** Adds the next packet; `offsetMs` places its take on the player's clock. A gap stays silent. */
  push({ ptsUs, durationUs, gap, data }: FrameRecord, offsetMs: number): void {
    const ptsMs = ptsUs / 1000 + offsetMs;
    const endMs = ptsMs + durationUs / 1000;
    this.#endMs = endMs;
    if (!gap) this.#waiting.push({ ptsMs, endMs, data });
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  /** Decodes packets that are due soon at `positionMs`. */
  decode(positionMs: number): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      if (next.ptsMs > positionMs + DECODE_AHEAD_MS || this.#decoding.queued >= MOST_IN_DECODER) return;
      this.#waiting.shift();
      if (next.endMs >= positionMs - PREROLL_MS) this.#decodeOne(next);
    }
  }

  /** Drops waiting packets. */
  clear(): void {
    this.#waiting = [];
    this.#endMs = undefined;
  }

  close(): void {
    this.clear();
    this.#decoding.close();
  }

  #decodeOne({ ptsMs, data }: WaitingSound): void {
    const timestamp = Math.round(ptsMs * 1000);
    this.#decoding.decode(() => new EncodedAudioChunk({ type: 'key', timestamp, data }));
  }
}

function blockOf(sound: AudioData): SoundBlock {
  const channels = Array.from({ length: sound.numberOfChannels }, (_, planeIndex) => {
    const samples = new Float32Array(sound.numberOfFrames);
    sound.copyTo(samples, { planeIndex, format: 'f32-planar' });
    return samples;
  });
  return { startS: sound.timestamp / 1e6, sampleRate: sound.sampleRate, channels };
}
