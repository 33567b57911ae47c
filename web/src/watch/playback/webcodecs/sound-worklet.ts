// Runs on the audio thread: plays the sound at the media time of the page's clock. The page reports now and then which
// media time belongs to which time of this context. Small differences are corrected by a slight, inaudible change of
// speed, large ones by a jump.

import type { SoundMessage } from './sound-message';
import { SoundQueue } from './sound-queue';

/** Larger differences are corrected by a jump. */
const JUMP_S = 0.08;
/** Smaller differences are ignored. */
const EXACT_S = 0.004;
/** Share of a difference that is corrected per second, and the largest change of speed. */
const CORRECTION = { share: 0.5, most: 0.01 };

// Globals of an audio worklet, which the compiler's DOM types lack.
declare const currentTime: number;
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

class SoundProcessor extends AudioWorkletProcessor {
  readonly #queue = new SoundQueue();
  #target = { mediaS: 0, atS: 0, rate: 0 };
  #positionS = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<SoundMessage>) => {
      if (data.kind === 'block') this.#queue.push(data.block);
      else if (data.kind === 'clear') this.#queue.clear();
      else this.#target = data.target;
    };
  }

  process(_inputs: unknown, [output = []]: Float32Array[][]): boolean {
    const { mediaS, atS, rate } = this.#target;
    const wantedS = mediaS + (currentTime - atS) * rate;
    const offS = wantedS - this.#positionS;
    if (Math.abs(offS) > JUMP_S || rate === 0) {
      if (rate !== 0) this.#queue.jumped();
      this.#positionS = wantedS;
    }
    const correction = Math.abs(offS) < EXACT_S ? 0 : offS * CORRECTION.share;
    const limited = Math.min(CORRECTION.most, Math.max(-CORRECTION.most, correction));
    const stepS = rate === 0 ? 0 : (rate + limited) / sampleRate;
    this.#queue.read(output, this.#positionS, stepS);
    this.#positionS += stepS * (output[0]?.length ?? 0);
    return true;
  }
}

registerProcessor('undead-sound', SoundProcessor);
