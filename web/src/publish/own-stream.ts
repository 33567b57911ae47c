// The stream this tab owns, remembered for as long as the tab lives, so that a reload by accident can be undone.
// It holds the publish grant: session storage is not shared with other tabs and ends with this one.

import type { Memory } from '../browser/storage';
import type { StreamCreated, Visibility } from '../protocol/stream';

/** A stream this page may publish to. */
export interface OwnStream extends StreamCreated {
  /** The number the next take gets: higher than all before. */
  next_take: number;
  /** Who may watch, for the broadcaster to see; missing in what older pages remembered. */
  visibility?: Visibility;
  passphrase?: string;
}

const KEY = 'undead.own-stream';

/** The stream remembered last, if what is stored is one. */
export function recall(memory: Memory): OwnStream | undefined {
  try {
    const stored: unknown = JSON.parse(memory.getItem(KEY) ?? 'null');
    return isOwnStream(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers `own`, or forgets what was remembered. */
export function remember(memory: Memory, own: OwnStream | undefined): void {
  if (own) memory.setItem(KEY, JSON.stringify(own));
  else memory.removeItem(KEY);
}

/** A function that remembers `own` with what changed of it, all changes so far included. */
export function keepRemembered(memory: Memory, own: OwnStream): (change: Partial<OwnStream>) => void {
  let current = own;
  return (change) => {
    current = { ...current, ...change };
    remember(memory, current);
  };
}

function isOwnStream(value: unknown): value is OwnStream {
  if (typeof value !== 'object' || value === null) return false;
  const { stream_id, title, watch_url, publish, next_take } = value as Partial<OwnStream>;
  return (
    typeof stream_id === 'string' &&
    typeof title === 'string' &&
    typeof watch_url === 'string' &&
    typeof publish?.grant === 'string' &&
    Array.isArray(publish.nodes) &&
    Number.isSafeInteger(next_take)
  );
}
