// Makes items about equally loud: a gain brings each to the same loudness (EBU R128) without raising its true peak
// above full scale. No DOM.

import type { Item } from '../protocol/item';

/** The target loudness. */
export const TARGET_LUFS = -16;
/** Measurements outside this range are not of music or speech. */
const PLAUSIBLE_LUFS = { least: -50, most: 5 };

/** The gain of an item, as a factor of its amplitude; 1 if its loudness is unknown. */
export function loudnessGain(item: Pick<Item, 'loudness_centi_lufs' | 'true_peak_centi_db'> | undefined): number {
  const { loudness_centi_lufs: loudness, true_peak_centi_db: peak } = item ?? {};
  if (loudness === undefined || !Number.isFinite(loudness)) return 1;
  const lufs = loudness / 100;
  if (lufs < PLAUSIBLE_LUFS.least || lufs > PLAUSIBLE_LUFS.most) return 1;
  const wantedDb = TARGET_LUFS - lufs;
  // Without a known peak, a gain above 1 may clip.
  const mostDb = peak === undefined || !Number.isFinite(peak) ? 0 : Math.max(0, -peak / 100);
  return 10 ** (Math.min(wantedDb, mostDb) / 20);
}

/** The volume for a media element, which cannot amplify its media. */
export function elementVolume(volume: number, gain: number): number {
  return Math.min(1, Math.max(0, volume * gain));
}
