// A waveform from peaks measured by a job.

import { expect, it } from 'vitest';
import { readPeaks } from './peaks';

it('draws the loudest peak of each column', () => {
  const peaks = readPeaks({ peak_ms: 100, peaks: [0, 51, 255, 102] });
  expect([...(peaks?.columns(2, 400) ?? [])].map((peak) => Math.round(peak * 100))).toEqual([20, 100]);
  expect([...(peaks?.columns(4, 400) ?? [])].map((peak) => Math.round(peak * 100))).toEqual([0, 20, 100, 40]);
});

it('draws more columns than there are peaks', () => {
  expect([...(readPeaks({ peak_ms: 200, peaks: [255, 0] })?.columns(4, 400) ?? [])]).toEqual([1, 1, 0, 0]);
});

it('has unknown values after the last peak', () => {
  expect(Number.isNaN(readPeaks({ peak_ms: 100, peaks: [255] })?.columns(2, 200)[1])).toBe(true);
});

it('rejects other answers', () => {
  for (const answer of [
    null,
    'x',
    {},
    { peak_ms: 0, peaks: [1] },
    { peak_ms: 1, peaks: [] },
    { peak_ms: 1, peaks: ['a'] },
  ])
    expect(readPeaks(answer)).toBeUndefined();
});
