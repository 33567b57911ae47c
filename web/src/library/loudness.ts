// Even loudness: items that follow one another sound about equally loud. A gain turns each towards the same loudness (EBU R128), and never
// lifts its true peak above full scale. No DOM.

import type { Item } from '../protocol/item';

/** What items are turned towards, in LUFS. */
export const TARGET_LUFS = -16;
/** Quieter and louder measurements than these are not of music or speech. */
const PLAUSIBLE_LUFS = { least: -50, most: 5 };

/** By how much the amplitude of an item is multiplied; 1 where its loudness is not known. */
export function loudnessGain(item: Pick<Item, 'loudness_centi_lufs' | 'true_peak_centi_db'> | undefined): number {
  const { loudness_centi_lufs: loudness, true_peak_centi_db: peak } = item ?? {};
  if (loudness === undefined || !Number.isFinite(loudness)) return 1;
  const lufs = loudness / 100;
  if (lufs < PLAUSIBLE_LUFS.least || lufs > PLAUSIBLE_LUFS.most) return 1;
  const wantedDb = TARGET_LUFS - lufs;
  // Without a peak, louder is not safe.
  const mostDb = peak === undefined || !Number.isFinite(peak) ? 0 : Math.max(0, -peak / 100);
  return 10 ** (Math.min(wantedDb, mostDb) / 20);
}

/** The volume that a media element is set to: it cannot play louder than its media. */
export function elementVolume(volume: number, gain: number): number {
  return Math.min(1, Math.max(0, volume * gain));
}
