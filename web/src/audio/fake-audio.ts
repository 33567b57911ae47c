// A fake audio context and decoded sound for tests. It plays no audio, and the test moves its clock. Each sound knows
// which samples of its item it holds, so a test can check what is heard at a given time.

import { FakeStore } from '../library/fake-library';
import type { TakeFormat } from '../protocol/item';
import type { Decoder, Sound } from './sound-source';

export const FAKE_RATE = 1_000;
/** Samples that the decoder cuts off the beginning of each file, as real decoders do. */
export const CUT_SAMPLES = 7;

/** Samples of an item, beginning with sample `from`. The value of each is its number. */
export class FakeSound implements Sound {
  readonly numberOfChannels = 1;
  readonly length: number;
  from: number;

  constructor(from: number, length: number) {
    this.from = from;
    this.length = length;
  }

  getChannelData(): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: this.length }, (_, n) => this.from + n);
  }

  copyToChannel(source: Float32Array): void {
    this.from = source[0] ?? 0;
  }
}

/** Decodes the files that {@link FakeStore} writes. */
export class FakeDecoder implements Decoder<AudioBuffer> {
  readonly rate = FAKE_RATE;
  /** Decoding fails for fragments that contain this text. */
  damaged: string | undefined;
  decodings = 0;

  decode(file: ArrayBuffer): Promise<AudioBuffer> {
    this.decodings++;
    const text = new TextDecoder().decode(file);
    if (this.damaged !== undefined && text.includes(this.damaged))
      return Promise.reject(new DOMException('cannot decode', 'EncodingError'));
    const times = [...text.matchAll(/(\d+),(\d+);/g)].map(([, start, end]) => [Number(start), Number(end)] as const);
    const from = ((times[0]?.[0] ?? 0) * FAKE_RATE) / 1000 + CUT_SAMPLES;
    const to = ((times.at(-1)?.[1] ?? 0) * FAKE_RATE) / 1000;
    return Promise.resolve(new FakeSound(from, to - from) as unknown as AudioBuffer);
  }

  after(sound: AudioBuffer, from: number): AudioBuffer {
    const { from: first, length } = sound as unknown as FakeSound;
    return new FakeSound(first + from, length - from) as unknown as AudioBuffer;
  }
}

/** A gain that ramps from one value to another. */
class FakeParam {
  value = 1;
  ramp: { fromS: number; toS: number; to: number } | undefined;
  readonly #events: { atS: number; value: number; isRamp: boolean }[] = [];

  setValueAtTime(value: number, atS: number): void {
    this.#events.push({ atS, value, isRamp: false });
  }

  linearRampToValueAtTime(value: number, atS: number): void {
    this.#events.push({ atS, value, isRamp: true });
  }

  setTargetAtTime(value: number, atS: number): void {
    this.#events.push({ atS, value, isRamp: false });
  }

  at(atS: number): number {
    const before = this.#events.filter((event) => event.atS <= atS).at(-1);
    const next = this.#events.find((event) => event.atS > atS);
    const from = before?.value ?? this.value;
    if (next?.isRamp !== true || before === undefined) return from;
    return from + ((next.value - from) * (atS - before.atS)) / (next.atS - before.atS);
  }
}

class FakeNode {
  to: FakeNode | undefined;
  readonly gain = new FakeParam();

  connect(to: FakeNode): void {
    this.to = to;
  }

  disconnect(): void {
    this.to = undefined;
  }

  /** The volume at `atS` of a sound that enters here, measured at the end of the audio graph. */
  loudness(atS: number): number {
    return this.to === undefined ? 0 : this.gain.at(atS) * this.to.loudness(atS);
  }
}

class FakeOutput extends FakeNode {
  override loudness(): number {
    return 1;
  }
}

class FakePlayer extends FakeNode {
  buffer: FakeSound | undefined;
  onended: (() => void) | undefined;
  readonly playbackRate = { value: 1 };
  fromS = Infinity;
  stopS = Infinity;
  #offsetS = 0;

  start(whenS: number, offsetS = 0): void {
    this.fromS = whenS;
    this.#offsetS = offsetS;
  }

  stop(whenS = 0): void {
    this.stopS = whenS;
  }

  get endS(): number {
    const lengthS = (this.buffer?.length ?? 0) / FAKE_RATE - this.#offsetS;
    return Math.min(this.stopS, this.fromS + lengthS / this.playbackRate.value);
  }

  /** The second of the item that this node plays at `atS`. */
  positionAt(atS: number): number | undefined {
    if (this.buffer === undefined || atS < this.fromS || atS >= this.endS) return undefined;
    return this.buffer.from / FAKE_RATE + this.#offsetS + (atS - this.fromS) * this.playbackRate.value;
  }
}

/** A fake `AudioContext` whose clock the test moves. */
export class FakeContext {
  readonly sampleRate = FAKE_RATE;
  readonly destination = new FakeOutput();
  readonly baseLatency = 0;
  readonly players: FakePlayer[] = [];
  readonly decoder = new FakeDecoder();
  currentTime = 0;
  outputLatency = 0;
  state: AudioContextState = 'running';
  /** Whether the browser refuses to play before a user gesture. */
  refuses = false;
  /** The current time of the page's clock. */
  nowMs = 0;

  createGain(): GainNode {
    return new FakeNode() as unknown as GainNode;
  }

  createBufferSource(): AudioBufferSourceNode {
    const player = new FakePlayer();
    this.players.push(player);
    return player as unknown as AudioBufferSourceNode;
  }

  createBuffer(_channels: number, length: number): AudioBuffer {
    return new FakeSound(0, length) as unknown as AudioBuffer;
  }

  decodeAudioData(file: ArrayBuffer): Promise<AudioBuffer> {
    return this.decoder.decode(file);
  }

  getOutputTimestamp(): AudioTimestamp {
    return { contextTime: this.currentTime - this.outputLatency, performanceTime: this.nowMs };
  }

  resume(): Promise<void> {
    if (!this.refuses) this.state = 'running';
    return this.refuses ? new Promise(() => undefined) : Promise.resolve();
  }

  suspend(): Promise<void> {
    this.state = 'suspended';
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.state = 'closed';
    return Promise.resolve();
  }

  /** The positions of items, s, that sound at `atS`, each with its volume. */
  soundsAt(atS: number): { positionS: number; loudness: number }[] {
    return this.players.flatMap((player) => {
      const positionS = player.positionAt(atS);
      const loudness = player.to?.loudness(atS) ?? 0;
      return positionS === undefined || loudness === 0 ? [] : [{ positionS, loudness }];
    });
  }
}

/** A take in `store` with `count` fragments of 10 s. */
export function fakeTake(store: FakeStore, count: number, name = 's'): TakeFormat {
  return store.take(name, 'audio/mp4; codecs="opus"', count);
}
