// Reading times as people write them, and the clip between two of them.

import { expect, it } from 'vitest';
import { readClip, readTime } from './clip';

it('reads times', () => {
  expect(['45', '1:23', '01:02:03', '1:23.5', ' 0:07,25 ', '90'].map(readTime)).toEqual([
    45_000, 83_000, 3_723_000, 83_500, 7_250, 90_000,
  ]);
});

it('refuses other texts', () => {
  for (const text of ['', 'a', '1:60', '1:2:3:4', '-1', '1:', ':5', '1:75:00'])
    expect(readTime(text), text).toBeUndefined();
});

it('reads a clip, and omits ends that are the item’s own', () => {
  expect(readClip('', '', 60_000)).toEqual({ clip: {} });
  expect(readClip('0:10', '', 60_000)).toEqual({ clip: { from_ms: 10_000 } });
  expect(readClip('0:10', '0:20', 60_000)).toEqual({ clip: { from_ms: 10_000, to_ms: 20_000 } });
  expect(readClip('0', '1:01', 60_400)).toEqual({ clip: {} });
});

it('reports what is wrong with a clip', () => {
  expect(readClip('x', '', 60_000)).toEqual({ wrong: 'from' });
  expect(readClip('', 'x', 60_000)).toEqual({ wrong: 'to' });
  expect(readClip('0:20', '0:10', 60_000)).toEqual({ wrong: 'order' });
  expect(readClip('0:20', '2:00', 60_000)).toEqual({ wrong: 'order' });
});
