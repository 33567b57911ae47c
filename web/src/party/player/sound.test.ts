// The page's sound runs while a song needs it, stops later, and reports if the browser requires a press first.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeContext } from '../../audio/fake-audio';
import { FakeTimers } from '../fake-timers';
import { PartySound, type SoundContext } from './sound';

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

function made(refuses = false, devices?: EventTarget) {
  const context = new FakeContext();
  context.state = 'suspended';
  context.refuses = refuses;
  const sound = new PartySound({
    timers: new FakeTimers(),
    now: () => Date.now(),
    create: () => context as unknown as SoundContext,
    devices,
    timeOriginMs: 0,
    lateMs: 0,
  });
  return { context, sound };
}

it('runs while a song needs it, and is suspended some time after the last one', () => {
  const { context, sound } = made();
  const [release, releaseToo] = [sound.use(), sound.use()];
  expect(context.state).toBe('running');
  release();
  release();
  vi.advanceTimersByTime(120_000);
  expect(context.state).toBe('running');
  releaseToo();
  vi.advanceTimersByTime(10_000);
  expect(context.state).toBe('running');
  vi.advanceTimersByTime(120_000);
  expect(context.state).toBe('suspended');
  sound.use();
  expect(context.state).toBe('running');
});

it('reports that the browser requires a press, until there was one', () => {
  const { context, sound } = made(true);
  sound.use();
  expect(sound.isRefused).toBe(false);
  vi.advanceTimersByTime(3_000);
  expect(sound.isRefused).toBe(true);
  context.refuses = false;
  sound.unlock();
  expect(sound.isRefused).toBe(false);
});

it('requires no press while nothing is to be heard', () => {
  const { sound } = made(true);
  const release = sound.use();
  release();
  vi.advanceTimersByTime(60_000);
  expect(sound.isRefused).toBe(false);
});

it('soon knows its timing on another output device', () => {
  const devices = new EventTarget();
  const { context, sound } = made(false, devices);
  sound.use();
  const readFor = (ms: number): void => {
    for (const untilMs = Date.now() + ms; Date.now() < untilMs;) {
      vi.advanceTimersByTime(35);
      context.nowMs = Date.now();
      context.currentTime = context.nowMs / 1000;
      sound.read();
    }
  };
  context.outputLatency = 0.02;
  readFor(20_000);
  devices.dispatchEvent(new Event('devicechange'));
  context.outputLatency = 0.25;
  readFor(1_500);
  expect(sound.whenHeard(2_000)).toBeCloseTo(2_000_250);
});
