// Tones of members are compared with the nearest ones of the others.
import { expect, test } from 'vitest';

import { spreads } from './spread.ts';

test('a song that begins soon after a tone of the one before is compared with itself', () => {
  const tones = (lateMs: number): number[] => [400, 600, 1_100].map((ms) => ms + lateMs);
  expect(spreads([tones(0), tones(5), tones(-3)], 500)).toEqual([
    { atMs: 400, spreadMs: 8, offMs: [0, 5, -3] },
    { atMs: 600, spreadMs: 8, offMs: [0, 5, -3] },
    { atMs: 1_100, spreadMs: 8, offMs: [0, 5, -3] },
  ]);
});

test('a moment counts only if every member has a tone near it', () => {
  expect(spreads([[400, 900], [910], [395, 905]], 500).map(({ atMs }) => atMs)).toEqual([900]);
});
