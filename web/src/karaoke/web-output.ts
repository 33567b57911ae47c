// The output of a karaoke player. The sum of the stems goes to the loudspeaker, through the pitch shifter if the key is
// changed, so that a change of the key keeps the stems in step. Only the key change needs a secure context.

import pitchWorkletUrl from './pitch-worklet.ts?worker&url';
import { createContext } from '../audio/context';
import { latencyOf } from '../audio/output-latency';
import type { KaraokeOutput } from './session';

/** Time constant of volume changes: slow enough not to click. */
const VOLUME_S = 0.015;
/** The longest time that a permitted context takes to start. */
const STARTS_WITHIN_MS = 1_500;

/** Whether this page can change the key: audio worklets need https or localhost. */
export function canShiftPitch(): boolean {
  return typeof AudioWorkletNode !== 'undefined' && isSecureContext;
}

/** Mixes the stems to the loudspeaker. */
export class WebOutput implements KaraokeOutput {
  readonly context: AudioContext;
  readonly input: GainNode;
  readonly #volume: GainNode;
  /** Two paths to the loudspeaker, with and without the pitch shifter; only one of them is audible. */
  readonly #plain: GainNode;
  readonly #shifted: GainNode;
  #shifter: Promise<AudioWorkletNode> | undefined;
  #semitones = 0;

  constructor(sampleRate: number) {
    this.context = createContext({ sampleRate, latencyHint: 'balanced' });
    const node = (gain: number): GainNode => new GainNode(this.context, { gain });
    this.input = node(1);
    this.#volume = node(1);
    this.#plain = node(1);
    this.#shifted = node(0);
    this.input.connect(this.#plain);
    this.#plain.connect(this.#volume);
    this.#shifted.connect(this.#volume);
    this.#volume.connect(this.context.destination);
  }

  get latencyS(): number {
    return latencyOf(this.context);
  }

  get isRunning(): boolean {
    return this.context.state === 'running';
  }

  async resume(): Promise<boolean> {
    const late = new Promise((resolve) => setTimeout(resolve, STARTS_WITHIN_MS));
    await Promise.race([this.context.resume(), late]).catch(() => undefined);
    return this.isRunning;
  }

  /** 0 to 1. */
  setVolume(volume: number): void {
    this.#volume.gain.setTargetAtTime(volume, this.context.currentTime, VOLUME_S);
  }

  /**
   * Changes the key by so many semitones, but not the tempo.
   *
   * @throws Error if the browser cannot.
   */
  async setKey(semitones: number): Promise<void> {
    this.#semitones = semitones;
    if (semitones !== 0) {
      this.#shifter ??= this.#makeShifter();
      const shifter = await this.#shifter;
      shifter.port.postMessage(2 ** (this.#semitones / 12));
    }
    const { currentTime } = this.context;
    this.#plain.gain.setTargetAtTime(this.#semitones === 0 ? 1 : 0, currentTime, VOLUME_S);
    this.#shifted.gain.setTargetAtTime(this.#semitones === 0 ? 0 : 1, currentTime, VOLUME_S);
  }

  close(): void {
    // Closing a context twice rejects; that needs no handling.
    this.context.close().catch(() => undefined);
  }

  async #makeShifter(): Promise<AudioWorkletNode> {
    try {
      await this.context.audioWorklet.addModule(pitchWorkletUrl);
      const node = new AudioWorkletNode(this.context, 'undead-pitch', {
        outputChannelCount: [2],
        channelCount: 2,
        channelCountMode: 'explicit',
      });
      this.input.connect(node);
      node.connect(this.#shifted);
      return node;
    } catch (error) {
      this.#shifter = undefined;
      throw error;
    }
  }
}
