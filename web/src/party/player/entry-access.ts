// The right to read the media of an entry. It is asked for again while the entry plays or is announced, unless the refusal stays. No DOM.

import { backOffMs } from '../../api/back-off';
import { ItemAccess } from '../../library/access';
import { asCallError, type ErrorCode } from '../../protocol/error';
import type { Playable } from '../../protocol/item';
import type { Entry } from '../../protocol/party';
import type { Timers } from '../timers';

/** Pauses between calls for the right to read an entry: it may be heard in a moment. */
const RETRY = { firstMs: 300, longestMs: 4_000 };
/** Refusals that stay. */
const FINAL: readonly string[] = [
  'unknown_item',
  'unsupported_media',
  'not_allowed',
  'forbidden',
  'unauthorized',
  'invalid_request',
] satisfies ErrorCode[];
/** A server that is a moment behind another one gives these as well: they count after so many tries. */
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

/** Where the media of `entry` is; `isOver` says when nothing waits for it any more. */
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
