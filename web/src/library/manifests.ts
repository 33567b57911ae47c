// Requests the manifest from the item's nodes, one after another; if none is reachable, the stored copy is used. The
// browser revalidates its copy (`ETag`), so polling an unchanged manifest costs only a header. No DOM.

import { asCallError, CallError } from '../protocol/error';
import type { Manifest } from '../protocol/item';
import type { ItemAccess } from './access';
import { readManifest } from './manifest';
import { refusal } from './transfer';

/** Timeout of a node. */
const ANSWER_MS = 4_000;

/**
 * Loads the manifest.
 *
 * @throws CallError if a node refuses, or if none is reachable and no copy is stored.
 */
export async function fetchManifest(
  access: ItemAccess,
  fetch: typeof globalThis.fetch,
  timeout: () => AbortSignal = () => AbortSignal.timeout(ANSWER_MS),
): Promise<Manifest> {
  let last = new CallError('unreachable', 'no node serves the item');
  for (const round of [0, 1]) {
    if (round > 0) await access.open();
    for (const place of access.places) {
      try {
        return await ask(access, place, fetch, timeout());
      } catch (error) {
        last = asCallError(error);
        if (['unknown_item', 'item_not_ready'].includes(last.code) && !access.isOffline) throw last;
        access.failed(place);
      }
    }
  }
  if (access.isOffline) throw last;
  return await ask(access, access.keptPlace, fetch, timeout()).catch(() => {
    throw last;
  });
}

async function ask(
  access: ItemAccess,
  place: string,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<Manifest> {
  access.renewIfDue();
  let response: Response;
  try {
    response = await fetch(access.address(place, 'manifest'), { signal, cache: 'no-cache', credentials: 'omit' });
  } catch (cause) {
    throw new CallError('unreachable', `${place} could not be reached`, { cause });
  }
  if (!response.ok) throw await refusal(response, place);
  return readManifest(await response.json().catch(() => undefined));
}
