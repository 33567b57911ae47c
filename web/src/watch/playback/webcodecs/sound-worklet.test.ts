// The audio thread keeps the sound in step with the page's clock: small differences by speed, large ones by a jump.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { SoundMessage } from './sound-message';

const RATE = 48_000;
const BLOCK = 128;
const BLOCK_S = BLOCK / RATE;

interface Processor {
  port: { onmessage(event: { data: SoundMessage }): void };
  process(inputs: unknown, outputs: Float32Array[][]): boolean;
}

let processor: Processor;
let timeS: number;

beforeEach(async () => {
  timeS = 0;
  vi.resetModules();
  vi.stubGlobal('sampleRate', RATE);
  vi.stubGlobal(
    'AudioWorkletProcessor',
    class {
      port = {};
    },
  );
  vi.stubGlobal('registerProcessor', (_name: string, made: new () => Processor) => (processor = new made()));
  await import('./sound-worklet');
  // A ramp: each sample's value is its media time, in units of ten seconds.
  for (let packet = 0; packet < 200; packet++) {
    const samples = Float32Array.from({ length: 960 }, (_, i) => (packet * 960 + i) / RATE / 10);
    tell({ kind: 'block', block: { startS: packet * 0.02, sampleRate: RATE, channels: [samples] } });
  }
});
afterEach(() => vi.unstubAllGlobals());

function tell(data: SoundMessage): void {
  processor.port.onmessage({ data });
}

function target(mediaS: number, rate = 1): void {
  tell({ kind: 'target', target: { mediaS, atS: timeS, rate } });
}

/** Plays for `seconds`, and returns the media times heard. */
function play(seconds: number): number[] {
  const heard: number[] = [];
  for (const endS = timeS + seconds; timeS < endS; timeS += BLOCK_S) {
    vi.stubGlobal('currentTime', timeS);
    const output = new Float32Array(BLOCK);
    processor.process([], [[output]]);
    heard.push(...Array.from(output, (value) => value * 10));
  }
  return heard;
}

function largestStep(heard: readonly number[]): number {
  return heard.reduce((most, at, i) => Math.max(most, Math.abs(at - (heard[i - 1] ?? at))), 0);
}

it('is silent before it has a position, and while the clock stands still', () => {
  expect(Math.max(...play(0.1))).toBe(0);
  target(1);
  play(0.2);
  target(1.2, 0);
  expect(play(0.2).at(-1)).toBeLessThan(0.001);
});

it('plays the position of the clock', () => {
  target(1);
  expect(play(0.5).at(-1)).toBeCloseTo(1.5, 2);
  expect(largestStep(play(0.5))).toBeLessThan(1.1 / RATE);
});

it('corrects a small difference by a slight change of speed, without a jump', () => {
  target(1);
  play(0.2);
  // The clocks of page and sound card diverge: the page is 30 ms ahead.
  target(1.23);
  const heard = play(1.5);
  expect(largestStep(heard)).toBeLessThan(1.2 / RATE);
  expect(heard.at(-1)).toBeGreaterThan(2.715);
  expect(heard.at(-1)).toBeLessThan(2.735);
});

it('follows a jump of the clock at once', () => {
  target(1);
  play(0.2);
  target(3);
  expect(play(0.1).at(-1)).toBeCloseTo(3.1, 2);
});
