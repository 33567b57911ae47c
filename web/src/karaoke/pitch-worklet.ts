// The audio thread's part of the key change: see pitch-shifter.ts. The page sends the ratio of the pitches.

import { PitchShifter } from './pitch-shifter';

// What an audio thread has; the compiler's DOM types are those of a page.
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
