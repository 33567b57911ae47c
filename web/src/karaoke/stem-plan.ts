// What a karaoke player needs from its stems before it creates an audio context: their pieces and sample rate. No DOM.

import { timescaleOf } from '../audio/fragment-time';
import type { Fetcher } from '../library/fetcher';
import { planOf, type Plan } from '../library/plan';
import { CallError } from '../protocol/error';
import type { Manifest } from '../protocol/item';

const DEFAULT_RATE = 48_000;
const [LEAST_RATE, MOST_RATE] = [8_000, 96_000];

/**
 * The pieces of a stem.
 *
 * @throws CallError if it has none, or none that this browser plays.
 */
export function stemPlan(manifest: Manifest, canPlay: (mime: string) => boolean): Plan {
  const plan = planOf(manifest, canPlay);
  if (plan.pieces.length > 0) return plan;
  const [mime] = plan.unplayable;
  if (mime === undefined) throw new CallError('item_not_ready', 'the stem has no media');
  throw new CallError('unsupported_media', `this browser cannot play ${mime}`);
}

/**
 * Samples per second of a stem, as its media says.
 *
 * @throws CallError if the beginning of the media cannot be loaded.
 */
export async function rateOf({ pieces }: Plan, fetcher: Pick<Fetcher, 'open'>): Promise<number> {
  const init = pieces[0]?.run.init;
  if (init === undefined) return DEFAULT_RATE;
  const hold = fetcher.open(init, 'play');
  try {
    const rate = timescaleOf(await hold.bytes()) ?? DEFAULT_RATE;
    return rate >= LEAST_RATE && rate <= MOST_RATE ? rate : DEFAULT_RATE;
  } finally {
    hold.close();
  }
}
