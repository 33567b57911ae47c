// Members receive all events, even if connections break.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ServerEvent } from '../api/event-stream';
import { CallError } from '../protocol/error';
import { PartyEvents } from './events';
import { fakeState } from './fake-party';
import { FakeTimers } from './fake-timers';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const snapshot: ServerEvent = { type: 'snapshot', data: JSON.stringify(fakeState()) };

function open(answer: (time: number) => ServerEvent[] | CallError) {
  const seen = { asked: 0, heard: [] as string[], connected: [] as boolean[], problems: [] as (string | undefined)[] };
  const events = new PartyEvents({
    async *events(signal) {
      const given = answer(++seen.asked);
      await Promise.resolve();
      if (given instanceof CallError) throw given;
      yield* given;
      if (given.length > 1) return;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    },
    timers: new FakeTimers(),
    heard: ({ type }) => seen.heard.push(type),
    connected: (isConnected, problem) => {
      seen.connected.push(isConnected);
      if (!isConnected) seen.problems.push(problem?.code);
    },
  });
  events.open();
  return { events, seen };
}

it('reconnects soon after a connection ends, and receives a snapshot first', async () => {
  const { events, seen } = open((time) => (time === 1 ? [snapshot, { type: 'chat', data: '{}' }] : [snapshot]));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen.heard).toEqual(['snapshot', 'chat', 'snapshot']);
  expect(seen.connected).toEqual([true, false, true]);
  events.close();
});

it('connects less and less often while refused, and at once when told to', async () => {
  const { events, seen } = open(() => new CallError('unreachable', 'down'));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(seen.asked).toBeGreaterThan(8);
  expect(seen.asked).toBeLessThan(25);
  const asked = seen.asked;
  events.hurry();
  await vi.advanceTimersByTimeAsync(0);
  expect(seen.asked).toBe(asked + 1);
  expect(seen.problems[0]).toBe('unreachable');
  events.close();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(seen.asked).toBe(asked + 1);
});
