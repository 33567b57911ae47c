// The stream of this tab, remembered for the lifetime of the tab, so that an accidental reload can be undone. It
// contains the publish grant: session storage is not shared with other tabs and ends with this one.

import type { Memory } from '../browser/storage';
import type { StreamCreated, Visibility } from '../protocol/stream';

/** A stream this page may publish to. */
export interface OwnStream extends StreamCreated {
  /** The number of the next take: higher than all before. */
  next_take: number;
  /** Who may watch, shown to the broadcaster; missing in records of older pages. */
  visibility?: Visibility;
  passphrase?: string;
}

const KEY = 'undead.own-stream';

/** The remembered stream, if the stored value is valid. */
export function recall(memory: Memory): OwnStream | undefined {
  try {
    const stored: unknown = JSON.parse(memory.getItem(KEY) ?? 'null');
    return isOwnStream(stored) ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers `own`; undefined forgets the stream. */
export function remember(memory: Memory, own: OwnStream | undefined): void {
  if (own) memory.setItem(KEY, JSON.stringify(own));
  else memory.removeItem(KEY);
}

/** Returns a function that remembers `own` with a change, on top of all changes so far. */
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
