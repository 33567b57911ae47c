// The right to read the media of an entry. Refusals that may pass are retried while the entry plays or is announced. No DOM.

import { backOffMs } from '../../api/back-off';
import { ItemAccess } from '../../library/access';
import { asCallError, type ErrorCode } from '../../protocol/error';
import type { Playable } from '../../protocol/item';
import type { Entry } from '../../protocol/party';
import type { Timers } from '../timers';

/** Pauses between tries, short: the entry may be due in a moment. */
const RETRY = { firstMs: 300, longestMs: 4_000 };
/** Refusals that do not pass. */
const FINAL: readonly string[] = [
  'unknown_item',
  'unsupported_media',
  'not_allowed',
  'forbidden',
  'unauthorized',
  'invalid_request',
] satisfies ErrorCode[];
/** A main server that lags behind another one gives these, too: they count only after several tries. */
const UNSURE: readonly string[] = ['unknown_entry', 'unknown_member', 'unknown_party'] satisfies ErrorCode[];
const UNSURE_TRIES = 6;

/** What is needed to read an entry. */
export interface EntryReading {
  timers: Timers;
  /** The right to read the media of an entry. */
  playItem: (entry: Entry) => Promise<Playable>;
  /** Addresses: of the page's host, and of the site on it. */
  origin: string;
  base: string;
}

/** Where the media of `entry` is; tries end once `isOver` says that nothing waits for it. */
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
