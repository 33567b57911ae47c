// Going live without capacity is retried for a while, and the person can stop it.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallError, type ErrorCode } from '../protocol/error';
import { patiently } from './patience';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A call that is refused with these codes, one after the other, and its result. */
function attempt(codes: readonly ErrorCode[], retryAfterMs = 0) {
  const abort = new AbortController();
  const seen = { calls: 0, waits: [] as string[], outcome: undefined as unknown };
  const call = (): Promise<string> => {
    const code = codes[Math.min(seen.calls++, codes.length)];
    return code ? Promise.reject(new CallError(code, code, { retryAfterMs })) : Promise.resolve('on air');
  };
  const end = patiently(call, ({ code }) => seen.waits.push(code), abort.signal).then(
    (value) => (seen.outcome = value),
    (error: unknown) => (seen.outcome = error instanceof CallError ? error.code : 'aborted'),
  );
  return { seen, abort, end };
}

it('succeeds as soon as there is capacity', async () => {
  const { seen, end } = attempt(['no_capacity', 'store_unavailable', 'no_node_available']);
  await vi.advanceTimersByTimeAsync(20_000);
  await end;
  expect(seen).toEqual({
    calls: 4,
    waits: ['no_capacity', 'store_unavailable', 'no_node_available'],
    outcome: 'on air',
  });
});

it('waits at least as long as the server asks', async () => {
  const { seen } = attempt(['no_capacity'], 7_000);
  await vi.advanceTimersByTimeAsync(6_900);
  expect(seen.calls).toBe(1);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(seen.outcome).toBe('on air');
});

it('gives up after two minutes with the last error', async () => {
  const { seen } = attempt(Array.from({ length: 200 }, () => 'no_capacity' as const));
  await vi.advanceTimersByTimeAsync(121_000);
  expect(seen.outcome).toBe('no_capacity');
  expect(seen.calls).toBeLessThan(25);
});

it('does not retry if that is pointless', async () => {
  const { seen, end } = attempt(['invalid_title']);
  await end;
  expect(seen).toMatchObject({ calls: 1, waits: [], outcome: 'invalid_title' });
});

it('stops at once when aborted', async () => {
  const { seen, abort, end } = attempt(['no_capacity', 'no_capacity']);
  await vi.advanceTimersByTimeAsync(10);
  abort.abort();
  await end;
  expect(seen).toMatchObject({ calls: 1, outcome: 'aborted' });
});
