// Whether the person can see this page. Requests of a hidden page can wait until it is visible again.

/** Visibility of a page; tests pass their own. */
export interface Sight {
  readonly visible: boolean;
  /** Calls `listener` at every change until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** The visibility of this page. */
export const pageSight: Sight = {
  get visible() {
    return document.visibilityState === 'visible';
  },
  onChange(listener) {
    document.addEventListener('visibilitychange', listener);
    return () => document.removeEventListener('visibilitychange', listener);
  },
};
