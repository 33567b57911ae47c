// A browser's caches and the index of stored fragments, in memory, for tests.

import type { Entry, Index } from './store';

/** A cache that counts writes; it may be full. */
export class FakeCache {
  readonly responses = new Map<string, Response>();
  isFull: (() => boolean) | undefined;

  match = (key: RequestInfo | URL): Promise<Response | undefined> =>
    Promise.resolve(this.responses.get(nameOf(key))?.clone());

  put = (key: RequestInfo | URL, response: Response): Promise<void> => {
    if (this.isFull?.()) return Promise.reject(new DOMException('full', 'QuotaExceededError'));
    this.responses.set(nameOf(key), response);
    return Promise.resolve();
  };

  delete = (key: RequestInfo | URL): Promise<boolean> => Promise.resolve(this.responses.delete(nameOf(key)));
}

/** All caches of a site; files are added through `fetch`. */
export class FakeCaches {
  readonly named = new Map<string, FakeCache>();
  readonly #fetch: (url: string) => Promise<Response>;

  constructor(fetch: (url: string) => Promise<Response> = () => Promise.reject(new TypeError('offline'))) {
    this.#fetch = fetch;
  }

  get asCaches(): CacheStorage {
    return {
      has: (name: string) => Promise.resolve(this.named.has(name)),
      keys: () => Promise.resolve([...this.named.keys()]),
      match: async (key: string) => {
        const found = await Promise.all([...this.named.values()].map((cache) => cache.match(key)));
        return found.find((response) => response !== undefined);
      },
      delete: (name: string) => Promise.resolve(this.named.delete(name)),
      open: (name: string) => {
        const cache = this.named.get(name) ?? new FakeCache();
        this.named.set(name, cache);
        return Promise.resolve({
          match: cache.match,
          put: cache.put,
          delete: cache.delete,
          keys: () => Promise.resolve([...cache.responses.keys()].map((url) => ({ url }))),
          addAll: async (urls: string[]) => {
            const responses = await Promise.all(urls.map((url) => this.#fetch(url)));
            if (responses.some(({ ok }) => !ok)) throw new TypeError('a file is missing');
            urls.forEach((url, i) => cache.responses.set(url, responses[i] ?? Response.error()));
          },
        });
      },
    } as unknown as CacheStorage;
  }
}

/** An index in memory. */
export class FakeIndex implements Index {
  readonly known = new Map<string, Entry>();
  limit: number | undefined;

  entries = (): Promise<Entry[]> => Promise.resolve([...this.known.values()]);
  put = (entry: Entry): Promise<void> => Promise.resolve(void this.known.set(entry.hash, entry));
  remove = (hashes: readonly string[]): Promise<void> => {
    for (const hash of hashes) this.known.delete(hash);
    return Promise.resolve();
  };
  limitBytes = (): Promise<number | undefined> => Promise.resolve(this.limit);
  setLimitBytes = (bytes: number): Promise<void> => Promise.resolve(void (this.limit = bytes));
}

function nameOf(key: RequestInfo | URL): string {
  return typeof key === 'string' ? key : key instanceof URL ? key.href : key.url;
}
