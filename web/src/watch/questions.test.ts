import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeSight } from '../api/fake-sight';
import { CallError } from '../protocol/error';
import type { StreamInfo, StreamState } from '../protocol/stream';
import { Questions } from './questions';

const HOURS = 3 * 3_600_000;

let state: StreamState;
let problem: CallError | undefined;
let looks: number;
let looksAround: number;

beforeEach(() => {
  vi.useFakeTimers();
  [state, problem, looks, looksAround] = ['live', undefined, 0, 0];
});
afterEach(() => vi.useRealTimers());

function questions(): Questions {
  const look = (): Promise<StreamInfo> => {
    looks++;
    return problem ? Promise.reject(problem) : Promise.resolve({ state } as StreamInfo);
  };
  const lookAround = (): Promise<void> => {
    looksAround++;
    return Promise.resolve();
  };
  return new Questions(look, lookAround, new FakeSight());
}

it('polls while the stream runs, and not while it is locked', async () => {
  const asked = questions();
  asked.start();
  asked.heard('live');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(looks).toBeGreaterThan(3);
  expect(looks).toBeLessThan(8);
  asked.heard('locked');
  const before = [looks, looksAround];
  await vi.advanceTimersByTimeAsync(HOURS);
  expect([looks, looksAround]).toEqual(before);
  asked.heard('live');
  await vi.advanceTimersByTimeAsync(0);
  expect(looks).toBe((before[0] ?? 0) + 1);
});

it.each([
  ['ended', undefined],
  ['live', new CallError('unknown_stream', 'it was over long ago')],
] as const)('asks nothing once an answer says that it is over: %s, %s', async (last, failure) => {
  const asked = questions();
  asked.start();
  await vi.advanceTimersByTimeAsync(0);
  // The viewer paused, so no node reports the state.
  [state, problem] = [last, failure];
  await vi.advanceTimersByTimeAsync(200_000);
  const before = [looks, looksAround];
  asked.heard('live');
  await vi.advanceTimersByTimeAsync(HOURS);
  expect([looks, looksAround]).toEqual(before);
});

it('polls again after a failure that says nothing about the stream', async () => {
  problem = new CallError('unreachable', 'no network');
  const asked = questions();
  asked.start();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(looks).toBeGreaterThan(2);
  asked.stop();
});
