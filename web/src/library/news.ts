// Changes of the items that the person may edit, pushed by the main server: uploads being read, growing recordings, results of jobs.
// No DOM.

import { MainServer } from '../api/client';
import { listen } from '../api/listening';
import { pageSight, type Sight } from '../browser/sight';
import { CallError } from '../protocol/error';
import type { Item, ItemId } from '../protocol/item';

/** Poll interval of a page that hears of changes, in ms, in case the events are lost without an error. */
export const FALL_BACK_MS = 60_000;

/** Callbacks of {@link followItems}. */
export interface NewsListener {
  /** Every change follows from now on; earlier ones may have been missed. */
  began(): void;
  /** An item changed; without its previews and links. Undefined if it is gone. */
  changed(id: ItemId, item: Item | undefined): void;
  /** The connection broke: changes are not heard until `began`. */
  broke(): void;
}

/** Dependencies of {@link followItems}; a test passes its own. */
export interface NewsSetup {
  server: Pick<MainServer, 'events'>;
  sight: Sight;
}

/** Passes changes to `listener` until `signal` aborts or the person is signed out. Reconnects by itself. */
export function followItems(
  listener: NewsListener,
  signal: AbortSignal,
  { server, sight }: NewsSetup = { server: new MainServer(), sight: pageSight },
): void {
  const hear = async (until: AbortSignal, heard: () => void): Promise<void> => {
    for await (const { type, data } of server.events(until, '/api/library/events')) {
      heard();
      if (type === 'reset') listener.began();
      else if (type === 'item_changed') {
        const item = JSON.parse(data) as Item;
        listener.changed(item.item_id, item);
      } else if (type === 'item_removed')
        listener.changed((JSON.parse(data) as { item_id: ItemId }).item_id, undefined);
    }
  };
  const broken = (problem: unknown): boolean => {
    listener.broke();
    return !(problem instanceof CallError) || problem.mayPass;
  };
  void listen({ hear, broken, sight }, signal);
}
