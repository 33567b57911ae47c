// What the browser keeps for this tab or this site. A browser that blocks site data throws from the mere getter, a full
// store throws when written to: a page must work all the same. So this file alone touches the browser's storage (eslint
// forbids it elsewhere); what cannot be stored is kept in memory and is gone with the page.

/** A small text store. None of its methods throws. */
export type Memory = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** A store that tells what will be gone with the page. */
export interface GuardedMemory extends Memory {
  /** Whether the browser took what was written last under `key`. */
  stores(key: string): boolean;
}

/** A store on top of `open`, with memory for what the browser does not take. */
export function guarded(open: () => Memory): GuardedMemory {
  /** What differs from the store; null: removed. */
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

/** Lives as long as the tab, and survives reloads where the browser stores it. */
export const tabMemory: GuardedMemory = guarded(() => sessionStorage);

/** Shared by the tabs of this site, and survives restarts where the browser stores it. */
export const siteMemory: GuardedMemory = guarded(() => localStorage);
