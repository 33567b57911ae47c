// A change of the key shifts the pitch as requested and keeps the tempo.

import { describe, expect, it } from 'vitest';
import { PitchShifter } from './pitch-shifter';

const RATE = 44_100;
const BLOCK = 128;

function shifted(input: Float32Array, semitones: number, channels = 1): Float32Array {
  const shifter = new PitchShifter(RATE, channels);
  shifter.ratio = 2 ** (semitones / 12);
  const output = new Float32Array(input.length);
  for (let at = 0; at + BLOCK <= input.length; at += BLOCK)
    shifter.process([input.subarray(at, at + BLOCK)], [output.subarray(at, at + BLOCK)], BLOCK);
  return output;
}

function sound(seconds: number, at: (t: number) => number): Float32Array {
  return Float32Array.from({ length: Math.floor((seconds * RATE) / BLOCK) * BLOCK }, (_, i) => at(i / RATE));
}

/** The amplitude of one frequency (Goertzel). */
function amplitude(samples: Float32Array, hertz: number): number {
  let [re, im] = [0, 0];
  samples.forEach((sample, i) => {
    const phase = (2 * Math.PI * hertz * i) / RATE;
    // Hann window, so that neighbouring frequencies do not leak in.
    const weight = 1 - Math.cos((2 * Math.PI * i) / samples.length);
    re += sample * weight * Math.cos(phase);
    im += sample * weight * Math.sin(phase);
  });
  return (2 * Math.hypot(re, im)) / samples.length;
}

/** The distance of the strongest frequency around `near` from `near`, in hundredths of a semitone. */
function pitch(samples: Float32Array, near: number): number {
  let [best, most] = [0, 0];
  for (let cents = -60; cents <= 60; cents += 4) {
    const hertz = near * 2 ** (cents / 1200);
    const found = amplitude(samples, hertz);
    if (found > most) [best, most] = [cents, found];
  }
  return best;
}

describe('a tone', () => {
  const tone = sound(1, (t) => 0.5 * Math.sin(2 * Math.PI * 440 * t));

  it.each([-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6])(
    'shifted by %i semitones has the right pitch and the same volume',
    (semitones) => {
      const heard = shifted(tone, semitones).subarray(RATE / 4);
      const hertz = 440 * 2 ** (semitones / 12);
      expect(Math.abs(pitch(heard, hertz))).toBeLessThanOrEqual(4);
      const rms = Math.sqrt(heard.reduce((sum, sample) => sum + sample * sample, 0) / heard.length);
      expect(rms / (0.5 / Math.SQRT2)).toBeGreaterThan(0.9);
      expect(amplitude(heard, 440)).toBeLessThan(0.05);
    },
  );
});

it('keeps a chord a chord', () => {
  const notes = [220, 277.18, 329.63];
  const chord = sound(1.2, (t) => notes.reduce((sum, hertz) => sum + 0.2 * Math.sin(2 * Math.PI * hertz * t), 0));
  const heard = shifted(chord, 4).subarray(RATE / 2);
  for (const hertz of notes) expect(Math.abs(pitch(heard, hertz * 2 ** (4 / 12)))).toBeLessThanOrEqual(10);
});

it.each([-6, 6])('keeps the tempo at %i semitones: as many beats, at the same times', (semitones) => {
  // A burst of 20 ms, four times a second.
  const beats = sound(4, (t) => (t % 0.25 < 0.02 ? Math.sin(2 * Math.PI * 1_000 * t) : 0));
  const heard = shifted(beats, semitones);
  const loud = (second: number): boolean => {
    const part = heard.subarray(Math.floor(second * RATE), Math.floor((second + 0.1) * RATE));
    return part.some((sample) => Math.abs(sample) > 0.3);
  };
  // Each burst begins within the delay of the shifter, and there is silence between them.
  for (let beat = 1; beat < 15; beat++) {
    expect(loud(beat * 0.25), `beat ${beat}`).toBe(true);
    expect(loud(beat * 0.25 + 0.12), `after beat ${beat}`).toBe(false);
  }
});

it('returns the input, delayed, in the original key', () => {
  const tone = sound(0.5, (t) => Math.sin(2 * Math.PI * 100 * t * (1 + t)));
  const heard = shifted(tone, 0);
  const start = heard.findIndex((sample) => sample !== 0);
  const first = tone.findIndex((sample) => sample !== 0);
  const delay = start - first;
  expect(delay).toBeLessThan(new PitchShifter(RATE, 1).mostDelay);
  expect(heard.subarray(delay)).toEqual(tone.subarray(0, tone.length - delay));
});

it('keeps stereo: both channels move together', () => {
  const left = sound(1, (t) => Math.sin(2 * Math.PI * 300 * t));
  const right = left.map((sample) => sample / 2);
  const shifter = new PitchShifter(RATE, 2);
  shifter.ratio = 2 ** (3 / 12);
  const [a, b] = [new Float32Array(left.length), new Float32Array(left.length)];
  shifter.process([left, right], [a, b], left.length);
  expect(a.every((sample, i) => Math.abs(sample - 2 * (b[i] ?? 0)) < 1e-5)).toBe(true);
});
