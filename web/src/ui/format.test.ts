// Numbers for display, at their limits.

import { describe, expect, it } from 'vitest';
import { ago, agoWithin, byteSize, count, itemLength, rate, runningTime, since, viewers } from './format';

describe('format', () => {
  it.each([
    [-5, '0:00'],
    [7_900, '0:07'],
    [754_000, '12:34'],
    [3_723_000, '1:02:03'],
  ])('shows %i ms as a running time of %s', (ms, text) => expect(runningTime(ms)).toBe(text));

  it.each([
    [-1, 'just now'],
    [59_999, 'just now'],
    [720_000, '12 min'],
    [7_200_000, '2 h'],
  ])('shows %i ms ago as %s', (ms, text) => expect(since(ms)).toBe(text));

  it('begins with a small letter within a phrase', () => {
    expect([ago(0), ago(720_000)]).toEqual(['Just now', '12 min ago']);
    expect([agoWithin(0), agoWithin(59_999), agoWithin(720_000)]).toEqual(['just now', 'just now', '12 min ago']);
  });

  it('shows no item as empty that has a sound', () => {
    expect([itemLength(500), itemLength(7_900)]).toEqual(['0:01', '0:07']);
  });

  it('shortens large counts', () => {
    expect([count(7), count(1234), count(3_400_000)]).toEqual(['7', '1.2K', '3.4M']);
  });

  it('counts rates in bits', () => {
    expect([rate(0), rate(400_000), rate(180_000_000)]).toEqual(['0 Mbit/s', '3.2 Mbit/s', '1.4 Gbit/s']);
  });

  it('shows a digit more of few megabytes', () => {
    expect([byteSize(0), byteSize(7_400), byteSize(2_640_000), byteSize(11_600_000), byteSize(1.44e9)]).toEqual([
      '0 B',
      '7 kB',
      '2.6 MB',
      '12 MB',
      '1.4 GB',
    ]);
  });

  it('distinguishes one viewer from many', () => {
    expect([viewers(0), viewers(1), viewers(2)]).toEqual(['0 viewers', '1 viewer', '2 viewers']);
  });
});
