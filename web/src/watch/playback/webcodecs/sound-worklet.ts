// The audio thread's part of sound: plays the sound of the media time that the page's clock shows. The page says now and
// then which media time belongs to which time of this context; small differences are made up for by a slightly other
// speed, which is not heard, large ones by a jump.

import type { SoundMessage } from './sound-message';
import { SoundQueue } from './sound-queue';

/** More than this is made up for at once. */
const JUMP_S = 0.08;
/** Less than this is left alone. */
const EXACT_S = 0.004;
/** How much of a difference is made up for each second, and the most. */
const CORRECTION = { share: 0.5, most: 0.01 };

// What an audio thread has; the compiler's DOM types are those of a page.
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
