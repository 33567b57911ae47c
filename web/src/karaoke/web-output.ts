// Plays stems through Web Audio. Each stem has a volume; their sum goes to the loudspeaker, or through the pitch shifter where the key is
// changed, so that a change of key never parts them. Needs a secure context for the key change alone.

import pitchWorkletUrl from './pitch-worklet.ts?worker&url';
import type { Bus, StemOutput } from './stem-player';
import type { Sound } from './stem-source';

/** Volumes change this fast: slow enough not to click. */
const VOLUME_S = 0.015;
/** How long what plays fades when it is taken back. */
const FADE_S = 0.008;
/** How long a context may take to run that is allowed to. */
const STARTS_WITHIN_MS = 1_500;

/** Whether this page can change the key: audio worklets need https, or this machine. */
export function canShiftPitch(): boolean {
  return typeof AudioWorkletNode !== 'undefined' && isSecureContext;
}

/** See the head of the file. */
export class WebOutput implements StemOutput {
  readonly #context: AudioContext;
  readonly #gains: GainNode[];
  readonly #volume: GainNode;
  /** The sum of the stems on its way to the loudspeaker, as it is and with another key: one of them is heard. */
  readonly #plain: GainNode;
  readonly #shifted: GainNode;
  #shifter: Promise<AudioWorkletNode> | undefined;
  #semitones = 0;

  constructor(sampleRate: number, stems: number) {
    this.#context = new AudioContext({ sampleRate, latencyHint: 'balanced' });
    const node = (gain: number): GainNode => new GainNode(this.#context, { gain });
    this.#volume = node(1);
    this.#plain = node(1);
    this.#shifted = node(0);
    this.#gains = Array.from({ length: stems }, () => node(1));
    for (const gain of this.#gains) gain.connect(this.#plain);
    this.#plain.connect(this.#volume);
    this.#shifted.connect(this.#volume);
    this.#volume.connect(this.#context.destination);
  }

  get rate(): number {
    return this.#context.sampleRate;
  }

  get now(): number {
    return this.#context.currentTime * this.rate;
  }

  get latencyS(): number {
    // Firefox and older browsers leave some of it out.
    const latency = this.#context.outputLatency || this.#context.baseLatency || 0;
    return Number.isFinite(latency) ? latency : 0;
  }

  readonly decode = (file: ArrayBuffer): Promise<AudioBuffer> => this.#context.decodeAudioData(file);

  async resume(): Promise<boolean> {
    const late = new Promise((resolve) => setTimeout(resolve, STARTS_WITHIN_MS));
    await Promise.race([this.#context.resume(), late]).catch(() => undefined);
    return this.#context.state === 'running';
  }

  setGain(stem: number, gain: number): void {
    this.#gains[stem]?.gain.setTargetAtTime(gain, this.#context.currentTime, VOLUME_S);
  }

  /** 0 to 1. */
  setVolume(volume: number): void {
    this.#volume.gain.setTargetAtTime(volume, this.#context.currentTime, VOLUME_S);
  }

  /**
   * Changes the key by so many semitones, and not the tempo.
   *
   * @throws Error where the browser cannot.
   */
  async setKey(semitones: number): Promise<void> {
    this.#semitones = semitones;
    if (semitones !== 0) {
      this.#shifter ??= this.#makeShifter();
      const shifter = await this.#shifter;
      shifter.port.postMessage(2 ** (this.#semitones / 12));
    }
    const { currentTime } = this.#context;
    this.#plain.gain.setTargetAtTime(this.#semitones === 0 ? 1 : 0, currentTime, VOLUME_S);
    this.#shifted.gain.setTargetAtTime(this.#semitones === 0 ? 0 : 1, currentTime, VOLUME_S);
  }

  open(): Bus {
    return new WebBus(this.#context, this.#gains);
  }

  close(): void {
    // A context that is closed twice rejects; there is nothing left to do then.
    this.#context.close().catch(() => undefined);
  }

  async #makeShifter(): Promise<AudioWorkletNode> {
    try {
      await this.#context.audioWorklet.addModule(pitchWorkletUrl);
      const node = new AudioWorkletNode(this.#context, 'undead-pitch', {
        outputChannelCount: [2],
        channelCount: 2,
        channelCountMode: 'explicit',
      });
      for (const gain of this.#gains) gain.connect(node);
      node.connect(this.#shifted);
      return node;
    } catch (error) {
      this.#shifter = undefined;
      throw error;
    }
  }
}

/** Sound that was scheduled together. */
class WebBus implements Bus {
  readonly #context: AudioContext;
  readonly #stems: GainNode[];
  readonly #playing = new Set<AudioBufferSourceNode>();

  constructor(context: AudioContext, gains: readonly GainNode[]) {
    this.#context = context;
    this.#stems = gains.map((gain) => {
      const own = new GainNode(context);
      own.connect(gain);
      return own;
    });
  }

  schedule(stem: number, sound: Sound, at: number, from: number, to: number): void {
    const bus = this.#stems[stem];
    if (bus === undefined) return;
    const { sampleRate, currentTime } = this.#context;
    // What should have begun already begins in its middle.
    const late = Math.max(0, Math.ceil(currentTime * sampleRate - at));
    if (from + late >= to) return;
    const node = new AudioBufferSourceNode(this.#context, { buffer: sound as AudioBuffer });
    node.connect(bus);
    node.addEventListener('ended', () => {
      this.#playing.delete(node);
      node.disconnect();
    });
    node.start((at + late) / sampleRate, (from + late) / sampleRate, (to - from - late) / sampleRate);
    this.#playing.add(node);
  }

  close(): void {
    const { currentTime } = this.#context;
    for (const { gain } of this.#stems) gain.setTargetAtTime(0, currentTime, FADE_S / 4);
    for (const node of this.#playing) node.stop(currentTime + FADE_S);
  }
}
