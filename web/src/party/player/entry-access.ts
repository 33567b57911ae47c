// Access to the media of an entry. Temporary refusals are retried while the entry is playing or announced. No DOM.

import { backOffMs } from '../../api/back-off';
import { ItemAccess } from '../../library/access';
import { asCallError, type ErrorCode } from '../../protocol/error';
import type { Playable } from '../../protocol/item';
import type { Entry } from '../../protocol/party';
import type { Timers } from '../timers';

/** Pauses between tries; short, because the entry may be due soon. */
const RETRY = { firstMs: 300, longestMs: 4_000 };
/** Permanent refusals. */
const FINAL: readonly string[] = [
  'unknown_item',
  'unsupported_media',
  'not_allowed',
  'forbidden',
  'unauthorized',
  'invalid_request',
] satisfies ErrorCode[];
/** A main server that lags behind another one also answers these, so they count only after several tries. */
const UNSURE: readonly string[] = ['unknown_entry', 'unknown_member', 'unknown_party'] satisfies ErrorCode[];
const UNSURE_TRIES = 6;

/** Dependencies of reading an entry. */
export interface EntryReading {
  timers: Timers;
  /** Requests a grant for the media of an entry. */
  playItem: (entry: Entry) => Promise<Playable>;
  /** The address of the page, and that of the site. */
  origin: string;
  base: string;
}

/** The access to the media of `entry`. Retries end once `isOver` returns true. */
export function entryAccess(reading: EntryReading, entry: Entry, isOver: () => boolean): ItemAccess {
  const { origin, base } = reading;
  return new ItemAccess({
    itemId: entry.item_id ?? '',
    play: () => admit(reading, entry, isOver),
    origin,
    keptBase: base,
  });
}

async function admit({ timers, playItem }: EntryReading, entry: Entry, isOver: () => boolean): Promise<Playable> {
  for (let failures = 1, unsure = 0; ; failures++) {
    try {
      return await playItem(entry);
    } catch (problem) {
      const error = asCallError(problem);
      if (UNSURE.includes(error.code)) unsure++;
      if (FINAL.includes(error.code) || unsure >= UNSURE_TRIES) throw error;
      await new Promise<void>((resolve) => timers.after(backOffMs(RETRY, failures, error), resolve));
      if (isOver()) throw error;
    }
  }
}
