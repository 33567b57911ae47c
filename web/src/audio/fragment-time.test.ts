// A fragment's start time is read from its own header, exact to the sample.

import { expect, it } from 'vitest';
import { fakeFragment, fakeInit } from './fake-fragment';
import { decodeTimeOf, timescaleOf } from './fragment-time';

it('reads when a fragment begins, in both versions of its header', () => {
  expect([timescaleOf(fakeInit(44_100)), timescaleOf(fakeInit(48_000, 1))]).toEqual([44_100, 48_000]);
  expect([decodeTimeOf(fakeFragment(441_003)), decodeTimeOf(fakeFragment(441_003, 0))]).toEqual([441_003, 441_003]);
});

it('reads nothing from truncated or unrelated bytes', () => {
  const whole = fakeFragment(441_003);
  for (let length = 0; length < whole.length; length++) decodeTimeOf(whole.subarray(0, length));
  expect(decodeTimeOf(new Uint8Array([0, 0, 0, 0, 109, 111, 111, 102]))).toBeUndefined();
  expect(timescaleOf(fakeInit(0))).toBeUndefined();
  expect(timescaleOf(new Uint8Array(64).fill(255))).toBeUndefined();
});
