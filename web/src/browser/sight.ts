// Whether the person can see this page. What a hidden page would ask of a server can wait until it is seen again.

/** What is used of it; tests bring their own. */
export interface Sight {
  readonly visible: boolean;
  /** Hears every change until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/** The page's own. */
export const pageSight: Sight = {
  get visible() {
    return document.visibilityState === 'visible';
  },
  onChange(listener) {
    document.addEventListener('visibilitychange', listener);
    return () => document.removeEventListener('visibilitychange', listener);
  },
};
