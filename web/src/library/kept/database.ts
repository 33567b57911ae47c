// The index of stored fragments, in IndexedDB. It is read once; only the service worker writes to it. No DOM.

import { siteDatabases } from '../../browser/offline-storage';
import type { Entry, Index } from './store';

const NAME = 'undead-library';
const LIMIT = 'limit-bytes';

/** An {@link Index} in IndexedDB. */
export class DatabaseIndex implements Index {
  #database: Promise<IDBDatabase> | undefined;
  #entries: Promise<Map<string, Entry>> | undefined;

  async entries(): Promise<Entry[]> {
    return [...(await this.#known()).values()];
  }

  async put(entry: Entry): Promise<void> {
    (await this.#known()).set(entry.hash, entry);
    await this.#change('entries', (store) => store.put(entry));
  }

  async remove(hashes: readonly string[]): Promise<void> {
    const known = await this.#known();
    for (const hash of hashes) known.delete(hash);
    await this.#change('entries', (store) => {
      for (const hash of hashes) store.delete(hash);
    });
  }

  async limitBytes(): Promise<number | undefined> {
    const store = (await this.#open()).transaction('settings').objectStore('settings');
    const value: unknown = await done(store.get(LIMIT));
    return typeof value === 'number' ? value : undefined;
  }

  async setLimitBytes(bytes: number): Promise<void> {
    await this.#change('settings', (store) => store.put(bytes, LIMIT));
  }

  #known(): Promise<Map<string, Entry>> {
    this.#entries ??= this.#read();
    this.#entries.catch(() => (this.#entries = undefined));
    return this.#entries;
  }

  async #read(): Promise<Map<string, Entry>> {
    const store = (await this.#open()).transaction('entries').objectStore('entries');
    const entries = (await done(store.getAll())) as Entry[];
    return new Map(entries.map((entry) => [entry.hash, entry]));
  }

  async #change(name: string, action: (store: IDBObjectStore) => unknown): Promise<void> {
    const transaction = (await this.#open()).transaction(name, 'readwrite');
    action(transaction.objectStore(name));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('the database has no room'));
    });
  }

  #open(): Promise<IDBDatabase> {
    this.#database ??= this.#begin();
    this.#database.catch(() => (this.#database = undefined));
    return this.#database;
  }

  async #begin(): Promise<IDBDatabase> {
    const request = siteDatabases()?.open(NAME, 1);
    if (request === undefined) throw new Error('this browser keeps no data');
    request.onupgradeneeded = () => {
      request.result.createObjectStore('entries', { keyPath: 'hash' });
      request.result.createObjectStore('settings');
    };
    return await done(request);
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the database failed'));
  });
}
