// How long the picture stood still.
import type { Sight } from './painted-clock.ts';

/**
 * The longest time without a new picture from `fromMs` to `toMs`, ended by a picture or by the end of the observation.
 * Without any sight the whole time is a standstill.
 */
export function longestStandstillMs(
  sights: readonly Pick<Sight, 'counter' | 'shownMs'>[],
  fromMs: number,
  toMs: number,
): number {
  const fresh = sights.filter((sight, index) => sight.counter !== sights[index - 1]?.counter);
  const moments = [fromMs, ...fresh.map(({ shownMs }) => shownMs).filter((ms) => ms > fromMs && ms < toMs), toMs];
  return Math.round(Math.max(...moments.slice(1).map((ms, index) => ms - (moments[index] ?? ms))));
}
