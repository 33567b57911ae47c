// Runs pitch-shifter.ts on the audio thread. The page sends the ratio of the pitches.

import { PitchShifter } from './pitch-shifter';

// Globals of an audio worklet, which the compiler's DOM types lack.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

class PitchProcessor extends AudioWorkletProcessor {
  readonly #shifter = new PitchShifter(sampleRate, 2);

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<number>) => (this.#shifter.ratio = data);
  }

  process([input = []]: Float32Array[][], [output = []]: Float32Array[][]): boolean {
    this.#shifter.process(input, output, output[0]?.length ?? 0);
    return true;
  }
}

registerProcessor('undead-pitch', PitchProcessor);
