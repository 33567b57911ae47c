// Plays decoded sound through Web Audio, in step with the player's clock. sound-worklet.ts is the other half.

import { heardMoment } from '../../../audio/output-latency';
import workletUrl from './sound-worklet.ts?worker&url';
import type { SoundBlock, SoundMessage } from './sound-message';

/** The output of decoded sound; tests pass their own. */
export interface SoundSink {
  play(block: SoundBlock): void;
  /** Drops all samples. */
  clear(): void;
  /** At `nowMs` of `performance.now()` the media time is `positionMs`, running at `rate`. */
  follow(positionMs: number, rate: number, nowMs: number): void;
  /** Sets the volume at once, 0 to 1. */
  setVolume(volume: number): void;
  /** Starts the output. Returns whether the browser allows it; it may require a gesture first. */
  resume(): Promise<boolean>;
  close(): void;
}

/** The longest time that a permitted context takes to start. */
const STARTS_WITHIN_MS = 1_500;
/** Time constant of volume changes: slow enough not to click. */
const VOLUME_S = 0.015;
/** Weight of each new comparison of the two clocks: single ones are off by some milliseconds. */
const LOOK_SHARE = 0.1;
/** A larger difference means that the context was paused. */
const LOOKS_PART_MS = 60;

/** The output of one audio context. */
export class SoundOutput implements SoundSink {
  readonly #context: AudioContext;
  readonly #gain: GainNode;
  #node: AudioWorkletNode | undefined;
  /** `performance.now()` minus the context time that is heard then, milliseconds. */
  #apartMs: number | undefined;

  /** Creates a context with this sample rate; other sound is resampled. */
  constructor(sampleRate: number) {
    this.#context = new AudioContext({ sampleRate, latencyHint: 'interactive' });
    this.#gain = new GainNode(this.#context);
    this.#gain.connect(this.#context.destination);
    void this.#load();
  }

  play(block: SoundBlock): void {
    // The thread of a context that is not running accepts nothing, so messages would pile up.
    if (this.#context.state !== 'running') return;
    this.#tell(
      { kind: 'block', block },
      block.channels.map((samples) => samples.buffer),
    );
  }

  clear(): void {
    this.#tell({ kind: 'clear' });
  }

  follow(positionMs: number, rate: number, nowMs: number): void {
    if (this.#context.state !== 'running') return;
    const apartMs = this.#lookAtClocks(nowMs);
    this.#tell({ kind: 'target', target: { mediaS: positionMs / 1000, atS: (nowMs - apartMs) / 1000, rate } });
  }

  setVolume(volume: number): void {
    this.#gain.gain.setTargetAtTime(volume, this.#context.currentTime, VOLUME_S);
  }

  async resume(): Promise<boolean> {
    const late = new Promise((resolve) => setTimeout(resolve, STARTS_WITHIN_MS));
    await Promise.race([this.#context.resume(), late]).catch(() => undefined);
    // Without a loudspeaker some contexts never run.
    return this.#context.state === 'running' || mayAutoplay(this.#context);
  }

  close(): void {
    this.#node?.port.close();
    this.#node = undefined;
    // Closing a context twice rejects; that needs no handling.
    this.#context.close().catch(() => undefined);
  }

  async #load(): Promise<void> {
    try {
      await this.#context.audioWorklet.addModule(workletUrl);
      if (this.#context.state === 'closed') return;
      this.#node = new AudioWorkletNode(this.#context, 'undead-sound', { numberOfInputs: 0, outputChannelCount: [2] });
      this.#node.connect(this.#gain);
    } catch {
      // Pictures continue without sound. After an upgrade of the server an old page's module is gone.
    }
  }

  #tell(message: SoundMessage, transfer: Transferable[] = []): void {
    this.#node?.port.postMessage(message, transfer);
  }

  #lookAtClocks(nowMs: number): number {
    const { contextTime, performanceTime } = heardMoment(this.#context, nowMs);
    const apartMs = performanceTime - contextTime * 1000;
    const before = this.#apartMs ?? apartMs;
    const off = apartMs - before;
    this.#apartMs = Math.abs(off) > LOOKS_PART_MS ? apartMs : before + off * LOOK_SHARE;
    return this.#apartMs;
  }
}

/** Whether the browser says that sound needs no gesture; only Firefox can tell. */
function mayAutoplay(context: AudioContext): boolean {
  const browser: Navigator & { getAutoplayPolicy?: (context: AudioContext) => string } = navigator;
  return browser.getAutoplayPolicy?.(context) === 'allowed';
}
