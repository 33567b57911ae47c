// The scale of sound meters.

import { expect, it } from 'vitest';
import { level } from './level';

const tone = (amplitude: number): Float32Array =>
  Float32Array.from({ length: 1024 }, (_, i) => amplitude * Math.sin((2 * Math.PI * i) / 64));

it('is 0 in silence, and full at full scale', () => {
  expect(level(new Float32Array())).toBe(0);
  expect(level(tone(0))).toBe(0);
  expect(level(tone(1))).toBeCloseTo(1, 2);
  expect(level(tone(4))).toBe(1);
});

it('falls by a third for 20 dB', () => {
  expect(level(tone(0.1))).toBeCloseTo(2 / 3, 2);
  expect(level(tone(0.0001))).toBe(0);
});
