// Decoded sound on its way to the loudspeaker: returns samples of any range of media time, at any speed. Without sound
// it is silent, and it fades in and out, so that nothing clicks. Runs in the audio thread; no clock.

import type { SoundBlock } from './sound-message';

/** Blocks whose times differ by less are adjacent, because containers round times to a millisecond. */
const TOGETHER_S = 0.02;
/** Most sound that is kept, s. */
const MOST_S = 5;
/** Length of the fade-in; FADE_OUT is the factor per sample after sound ends. */
const FADE_IN_SAMPLES = 256;
const FADE_OUT = 0.99;

/** Blocks without a gap between them. */
interface Run {
  startS: number;
  sampleRate: number;
  samples: number;
  blocks: { from: number; channels: Float32Array[] }[];
}

/** The queue of decoded sound. */
export class SoundQueue {
  #runs: Run[] = [];
  #gain = 0;
  #last: number[] = [];

  push(block: SoundBlock): void {
    const samples = block.channels[0]?.length ?? 0;
    if (samples === 0) return;
    const before = this.#runs.at(-1);
    const joins = before?.sampleRate === block.sampleRate && Math.abs(block.startS - endOf(before)) < TOGETHER_S;
    const run: Run = joins ? before : { startS: block.startS, sampleRate: block.sampleRate, samples: 0, blocks: [] };
    if (!joins) this.#runs.push(run);
    run.blocks.push({ from: run.samples, channels: block.channels });
    run.samples += samples;
    this.#forget(block.startS - MOST_S);
  }

  /** Drops everything; the current sound fades out. */
  clear(): void {
    this.#runs = [];
  }

  /** Fills `output`, one block per channel, from media time `positionS` in steps of `stepS`. */
  read(output: readonly Float32Array[], positionS: number, stepS: number): void {
    const length = output[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      const atS = positionS + i * stepS;
      const run = stepS > 0 ? this.#runAt(atS) : undefined;
      const at = run === undefined ? 0 : (atS - run.startS) * run.sampleRate;
      this.#gain = run === undefined ? 0 : Math.min(1, this.#gain + 1 / FADE_IN_SAMPLES);
      for (const [channel, samples] of output.entries()) {
        const last = this.#last[channel] ?? 0;
        // The fading rest of an ended sound is mixed below the new one.
        const rest = last * FADE_OUT * (1 - this.#gain);
        samples[i] = run === undefined ? last * FADE_OUT : sampleOf(run, channel, at) * this.#gain + rest;
        this.#last[channel] = samples[i] ?? 0;
      }
    }
    this.#forget(positionS);
  }

  /** The position jumped: fades over to it. */
  jumped(): void {
    this.#gain = 0;
  }

  #runAt(atS: number): Run | undefined {
    return this.#runs.find((run) => run.startS <= atS && atS < endOf(run));
  }

  #forget(beforeS: number): void {
    this.#runs = this.#runs.filter((run) => endOf(run) > beforeS);
    const [first] = this.#runs;
    if (first === undefined) return;
    const at = (beforeS - first.startS) * first.sampleRate;
    const kept = first.blocks.findIndex(({ from, channels }) => from + (channels[0]?.length ?? 0) > at);
    if (kept > 0) first.blocks.splice(0, kept);
  }
}

function endOf({ startS, samples, sampleRate }: Run): number {
  return startS + samples / sampleRate;
}

/** The value between samples, by linear interpolation. */
function sampleOf(run: Run, channel: number, at: number): number {
  const index = Math.floor(at);
  const one = valueAt(run, channel, index);
  return one + (valueAt(run, channel, index + 1) - one) * (at - index);
}

function valueAt({ blocks, samples }: Run, channel: number, index: number): number {
  const wanted = Math.min(index, samples - 1);
  const block = blocks.find(({ from, channels }) => wanted < from + (channels[0]?.length ?? 0));
  if (block === undefined) return 0;
  const { channels } = block;
  // A single channel is played on both sides.
  return (channels[channel] ?? channels[0])?.[wanted - block.from] ?? 0;
}
