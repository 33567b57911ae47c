// Plays decoded sound through Web Audio, in step with the player's clock. See sound-worklet.ts for the other half.

import { heardMoment } from '../../../audio/output-latency';
import workletUrl from './sound-worklet.ts?worker&url';
import type { SoundBlock, SoundMessage } from './sound-message';

/** What plays sound; tests bring their own. */
export interface SoundSink {
  /** Adds the next samples. */
  play(block: SoundBlock): void;
  /** Forgets all samples. */
  clear(): void;
  /** At `nowMs` of `performance.now()` the media time is `positionMs`, and it runs at `rate`. */
  follow(positionMs: number, rate: number, nowMs: number): void;
  /** 0 to 1, at once. */
  setVolume(volume: number): void;
  /** Starts to sound; whether the browser lets it, which may want a gesture first. */
  resume(): Promise<boolean>;
  close(): void;
}

/** How long a context may take to run that is allowed to. */
const STARTS_WITHIN_MS = 1_500;
/** Volumes change this fast: slow enough not to click. */
const VOLUME_S = 0.015;
/** How much of each new look at the two clocks counts: single looks are off by some milliseconds. */
const LOOK_SHARE = 0.1;
/** Looks that are off by more follow a pause of the context. */
const LOOKS_PART_MS = 60;

/** See the head of the file. */
export class SoundOutput implements SoundSink {
  readonly #context: AudioContext;
  readonly #gain: GainNode;
  #node: AudioWorkletNode | undefined;
  /** `performance.now()` minus the context's time of what is heard then, milliseconds. */
  #apartMs: number | undefined;

  /** For sound of this sample rate: others are resampled. */
  constructor(sampleRate: number) {
    this.#context = new AudioContext({ sampleRate, latencyHint: 'interactive' });
    this.#gain = new GainNode(this.#context);
    this.#gain.connect(this.#context.destination);
    void this.#load();
  }

  play(block: SoundBlock): void {
    // The thread of a context that does not run takes nothing, so messages would pile up.
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
    // Without a loudspeaker some never run.
    return this.#context.state === 'running' || mayAutoplay(this.#context);
  }

  close(): void {
    this.#node?.port.close();
    this.#node = undefined;
    // A context that is closed twice rejects; there is nothing left to do then.
    this.#context.close().catch(() => undefined);
  }

  async #load(): Promise<void> {
    try {
      await this.#context.audioWorklet.addModule(workletUrl);
      if (this.#context.state === 'closed') return;
      this.#node = new AudioWorkletNode(this.#context, 'undead-sound', { numberOfInputs: 0, outputChannelCount: [2] });
      this.#node.connect(this.#gain);
    } catch {
      // Pictures go on without sound: after an upgrade of the server the module of an old page is gone.
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

/** Whether the browser says that this needs no gesture; Firefox alone can tell. */
function mayAutoplay(context: AudioContext): boolean {
  const browser: Navigator & { getAutoplayPolicy?: (context: AudioContext) => string } = navigator;
  return browser.getAutoplayPolicy?.(context) === 'allowed';
}
