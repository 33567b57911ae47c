// Items of different loudness are played about equally loud, and none is raised above full scale.

import { expect, it } from 'vitest';
import { elementVolume, loudnessGain } from './loudness';

const db = (gain: number): number => Math.round(200 * Math.log10(gain)) / 10;

it('turns a loud item down to -16 LUFS', () => {
  expect(db(loudnessGain({ loudness_centi_lufs: -900, true_peak_centi_db: 30 }))).toBe(-7);
});

it('turns a quiet item up, up to its true peak', () => {
  expect(db(loudnessGain({ loudness_centi_lufs: -2200, true_peak_centi_db: -1000 }))).toBe(6);
  expect(db(loudnessGain({ loudness_centi_lufs: -2200, true_peak_centi_db: -150 }))).toBe(1.5);
  expect(loudnessGain({ loudness_centi_lufs: -2200, true_peak_centi_db: 50 })).toBe(1);
  expect(loudnessGain({ loudness_centi_lufs: -2200 })).toBe(1);
});

it('does not change items of unknown loudness, or with that of silence', () => {
  expect([undefined, {}, { loudness_centi_lufs: -7000, true_peak_centi_db: -6000 }].map(loudnessGain)).toEqual([
    1, 1, 1,
  ]);
});

it('sets a volume that media elements accept', () => {
  expect([elementVolume(0.5, 0.5), elementVolume(0.9, 1.5), elementVolume(0, 2)]).toEqual([0.25, 1, 0]);
});
