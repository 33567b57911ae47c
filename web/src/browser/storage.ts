// Storage for this tab or this site. If the browser blocks site data, the mere getter throws; a full store throws when
// written to. Pages must still work. So this file alone touches the browser's storage (eslint forbids it elsewhere).
// Values that cannot be stored are kept in memory until the page closes.

/** A small text store. None of its methods throws. */
export type Memory = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** A store that tells which values will be lost with the page. */
export interface GuardedMemory extends Memory {
  /** Whether the browser stored the last value written under `key`. */
  stores(key: string): boolean;
}

/** Wraps the store that `open` returns, with memory for values that the browser does not accept. */
export function guarded(open: () => Memory): GuardedMemory {
  /** Values that differ from the store; null: removed. */
  const kept = new Map<string, string | null>();
  const attempt = <T>(action: (store: Memory) => T, otherwise: () => T): T => {
    try {
      return action(open());
    } catch {
      return otherwise();
    }
  };
  const write = (key: string, value: string | null, action: (store: Memory) => void): void => {
    kept.set(key, value);
    attempt(
      (store) => {
        action(store);
        kept.delete(key);
      },
      () => undefined,
    );
  };
  return {
    getItem: (key) => {
      const value = kept.get(key);
      if (value !== undefined) return value;
      return attempt(
        (store) => store.getItem(key),
        () => null,
      );
    },
    setItem: (key, value) => write(key, value, (store) => store.setItem(key, value)),
    removeItem: (key) => write(key, null, (store) => store.removeItem(key)),
    stores: (key) => !kept.has(key),
  };
}

/** Lives as long as the tab, and survives reloads if the browser stores it. */
export const tabMemory: GuardedMemory = guarded(() => sessionStorage);

/** Shared by the tabs of this site, and survives restarts if the browser stores it. */
export const siteMemory: GuardedMemory = guarded(() => localStorage);
