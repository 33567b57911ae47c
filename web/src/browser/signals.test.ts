import { expect, it } from 'vitest';
import { anyOf } from './signals';

it('aborts with the first of its signals, for its reason', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const either = anyOf(first.signal, second.signal);
  expect(either.aborted).toBe(false);
  second.abort('second');
  first.abort('first');
  expect([either.aborted, either.reason]).toEqual([true, 'second']);
});

it('is aborted from the start if one of its signals is', () => {
  expect(anyOf(new AbortController().signal, AbortSignal.abort('gone')).reason).toBe('gone');
});
