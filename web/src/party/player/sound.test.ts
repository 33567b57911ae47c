// The page's sound runs while a song needs it, rests later, and tells where the browser wants a press first.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeContext } from '../../audio/fake-audio';
import { FakeTimers } from '../fake-timers';
import { PartySound, type SoundContext } from './sound';

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

function made(refuses = false) {
  const context = new FakeContext();
  context.state = 'suspended';
  context.refuses = refuses;
  const sound = new PartySound({
    timers: new FakeTimers(),
    now: () => Date.now(),
    create: () => context as unknown as SoundContext,
    lateMs: 0,
  });
  return { context, sound };
}

it('runs while a song needs it, and rests some time after the last one', () => {
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

it('tells that the browser wants a press, until there was one', () => {
  const { context, sound } = made(true);
  sound.use();
  expect(sound.isRefused).toBe(false);
  vi.advanceTimersByTime(3_000);
  expect(sound.isRefused).toBe(true);
  context.refuses = false;
  sound.unlock();
  expect(sound.isRefused).toBe(false);
});

it('does not want a press while nothing is to be heard', () => {
  const { sound } = made(true);
  const release = sound.use();
  release();
  vi.advanceTimersByTime(60_000);
  expect(sound.isRefused).toBe(false);
});
