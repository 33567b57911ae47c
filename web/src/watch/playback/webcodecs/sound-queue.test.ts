// Sound without clicks: whatever is played when, neighbouring samples never differ by more than the sound itself does.

import { beforeEach, expect, it } from 'vitest';
import { SoundQueue } from './sound-queue';

const RATE = 48_000;
const HZ = 440;
/** The steepest step between two samples of the tone. */
const STEEPEST = (2 * Math.PI * HZ) / RATE;
/** Block size of audio threads. */
const BLOCK = 128;

let queue: SoundQueue;
beforeEach(() => (queue = new SoundQueue()));

function tone(fromS: number, seconds: number, offS = 0): void {
  const samples = Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) =>
    Math.sin(2 * Math.PI * HZ * (fromS + i / RATE)),
  );
  queue.push({ startS: fromS + offS, sampleRate: RATE, channels: [samples, samples.slice()] });
}

function play(fromS: number, seconds: number, speed = 1): number[] {
  const heard: number[] = [];
  for (let at = fromS; at < fromS + seconds * speed; at += (BLOCK / RATE) * speed) {
    const output = [new Float32Array(BLOCK), new Float32Array(BLOCK)];
    queue.read(output, at, speed / RATE);
    heard.push(...(output[1] ?? []));
  }
  return heard;
}

function steepest(heard: readonly number[]): number {
  return heard.reduce((most, value, i) => Math.max(most, Math.abs(value - (heard[i - 1] ?? 0))), 0);
}

function loudest(heard: readonly number[]): number {
  return heard.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

it('returns exactly the decoded samples, however packets were cut and their times rounded', () => {
  for (let packet = 0; packet < 50; packet++) tone(packet * 0.02, 0.02, packet % 3 === 0 ? 0.000_9 : -0.000_4);
  const heard = play(0, 0.9);
  // Checks after the fade-in; the first packet is 0.9 ms late.
  const late = 0.000_9 * RATE;
  for (let i = 2_000; i < 40_000; i += 7) {
    expect(heard[i]).toBeCloseTo(Math.sin((2 * Math.PI * HZ * (i - late)) / RATE), 2);
  }
  expect(steepest(heard)).toBeLessThan(STEEPEST * 1.05);
});

it.each([0.98, 1.03])('does not click at speed %d', (speed) => {
  for (let packet = 0; packet < 60; packet++) tone(packet * 0.02, 0.02);
  expect(steepest(play(0, 1, speed))).toBeLessThan(STEEPEST * 1.1);
});

it('is silent in a gap, without a click at either end', () => {
  tone(0, 0.5);
  tone(0.7, 0.5);
  const heard = play(0, 1.2);
  expect(loudest(heard.slice(0.55 * RATE, 0.68 * RATE))).toBeLessThan(0.01);
  expect(loudest(heard.slice(0.8 * RATE, 1.1 * RATE))).toBeGreaterThan(0.99);
  expect(steepest(heard)).toBeLessThan(STEEPEST * 1.1);
});

it('does not click when it jumps, and is silent when it stands still', () => {
  tone(0, 2);
  const before = play(0.1, 0.3);
  queue.jumped();
  const after = play(1.203, 0.3);
  expect(steepest([...before, ...after])).toBeLessThan(STEEPEST * 1.1);
  const output = [new Float32Array(4_096), new Float32Array(4_096)];
  queue.read(output, 1.503, 0);
  expect(loudest([...(output[0] ?? [])].slice(3_000))).toBeLessThan(0.01);
});

it('plays a single channel on both sides, and other sample rates at their own speed', () => {
  const samples = Float32Array.from({ length: 22_050 }, (_, i) => Math.sin((2 * Math.PI * HZ * i) / 22_050));
  queue.push({ startS: 0, sampleRate: 22_050, channels: [samples] });
  const heard = play(0, 0.9);
  expect(heard[20_000]).toBeCloseTo(Math.sin((2 * Math.PI * HZ * 20_000) / RATE), 1);
});

it('keeps a few seconds at most', () => {
  for (let packet = 0; packet < 1_000; packet++) tone(packet * 0.02, 0.02);
  expect(loudest(play(0, 10))).toBe(0);
  expect(loudest(play(19, 0.5))).toBeGreaterThan(0.9);
});
