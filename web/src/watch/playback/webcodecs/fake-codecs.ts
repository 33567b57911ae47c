// Records as nodes write them, and decoders that output their input at once, for tests.

import { vi } from 'vitest';
import type { PictureDecoder } from './picture-track';
import type { SoundDecoder } from './sound-track';

/** A frame to write, times in milliseconds. */
export interface Written {
  track?: number;
  key?: boolean;
  gap?: boolean;
  ptsMs: number;
  dtsMs?: number;
  durationMs?: number;
  bytes?: number;
  /** Header bytes that a later version appended. */
  appended?: number;
}

/** A chunk with these frames. */
export function writeChunk(frames: readonly Written[]): ArrayBuffer {
  const records = frames.map(record);
  const whole = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of records) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole.buffer;
}

function record({ track = 0, key = false, gap = false, ptsMs, dtsMs = ptsMs, ...more }: Written): Uint8Array {
  const { durationMs = 20, bytes = gap ? 0 : 4, appended = 0 } = more;
  const out = new Uint8Array(32 + appended + bytes).fill(7, 32 + appended);
  const view = new DataView(out.buffer);
  view.setUint8(0, track);
  view.setUint8(1, (key ? 1 : 0) | (gap ? 2 : 0));
  view.setUint16(2, 32 + appended);
  view.setUint32(4, bytes);
  view.setBigUint64(8, BigInt(ptsMs * 1000));
  view.setBigUint64(16, BigInt(dtsMs * 1000));
  view.setUint32(24, durationMs * 1000);
  return out;
}

/** Init data with a picture track, a sound track, or both. */
export function writeInit(kinds: readonly ('video' | 'audio')[] = ['video', 'audio']): ArrayBuffer {
  const tracks = kinds.map((kind) =>
    kind === 'video'
      ? { kind, codec: 'vp8', width: 640, height: 360, display_width: 640, display_height: 360, rotation: 0 }
      : { kind, codec: 'opus', sample_rate: 48_000, channels: 2 },
  );
  return new TextEncoder().encode(JSON.stringify({ tracks })).buffer;
}

/** A decoded picture. */
export class FakeFrame {
  closed = false;
  constructor(readonly timestamp: number) {}
  close(): void {
    this.closed = true;
  }
}

interface Chunk {
  type: string;
  timestamp: number;
}

/** All decoders of a test, and their input. */
export class FakeDecoders {
  readonly decoded: string[] = [];
  readonly frames: FakeFrame[] = [];
  made = 0;
  /** Decoders fail at their next frame. */
  broken = false;
  /** Decoders keep their input without output. */
  holds = false;

  constructor() {
    class EncodedChunk {
      readonly type: string;
      readonly timestamp: number;
      constructor({ type, timestamp }: Chunk) {
        this.type = type;
        this.timestamp = timestamp;
      }
    }
    vi.stubGlobal('EncodedVideoChunk', EncodedChunk);
    vi.stubGlobal('EncodedAudioChunk', EncodedChunk);
  }

  /** Number of pictures that were not closed. */
  get open(): number {
    return this.frames.filter(({ closed }) => !closed).length;
  }

  readonly pictures = (init: VideoDecoderInit): PictureDecoder =>
    this.#decoder(init.error, ({ type, timestamp }) => {
      this.decoded.push(`${type} ${timestamp / 1000}`);
      if (this.holds) return;
      const frame = new FakeFrame(timestamp);
      this.frames.push(frame);
      init.output(frame as unknown as VideoFrame);
    }) as unknown as PictureDecoder;

  readonly sound = (init: AudioDecoderInit): SoundDecoder =>
    this.#decoder(init.error, ({ timestamp }) => {
      this.decoded.push(`sound ${timestamp / 1000}`);
      const [numberOfChannels, numberOfFrames, sampleRate] = [2, 960, 48_000];
      const sound = {
        numberOfChannels,
        numberOfFrames,
        sampleRate,
        timestamp,
        copyTo: () => undefined,
        close: () => undefined,
      };
      init.output(sound as unknown as AudioData);
    }) as unknown as SoundDecoder;

  #decoder(failed: (error: DOMException) => void, decode: (chunk: Chunk) => void) {
    this.made++;
    const decoder = {
      state: 'unconfigured',
      decodeQueueSize: 0,
      configure: () => (decoder.state = 'configured'),
      close: () => (decoder.state = 'closed'),
      decode: (chunk: Chunk) => {
        if (this.holds) decoder.decodeQueueSize++;
        if (!this.broken) decode(chunk);
        else {
          decoder.state = 'closed';
          failed(new DOMException('cannot decode', 'EncodingError'));
        }
      },
    };
    return decoder;
  }
}
