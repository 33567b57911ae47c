// The fragments that this browser keeps, by hash, within a bound of bytes: the ones that were not used for longest go first. Only bytes
// whose hash is right are kept. An index beside the cache knows sizes and times; changes of it come one after another. No DOM.

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { blobKey } from './addresses';

/** Most bytes that are kept unless the person chooses otherwise, and the share of the site's quota that this may be. */
const DEFAULT_BYTES = 1_000_000_000;
const QUOTA_SHARE = 0.4;
/** How much is freed where the browser has no room. */
const FREED_SHARE = 0.2;

/** What the index says of a fragment. */
export interface Entry {
  hash: string;
  itemId: string;
  bytes: number;
  /** When it was used last, Unix epoch. */
  usedMs: number;
}

/** Where the index is; see database.ts. */
export interface Index {
  entries(): Promise<Entry[]>;
  put(entry: Entry): Promise<void>;
  remove(hashes: readonly string[]): Promise<void>;
  /** What the person chose; undefined for the default. */
  limitBytes(): Promise<number | undefined>;
  setLimitBytes(bytes: number): Promise<void>;
}

/** What is used of a `Cache`. */
export type Files = Pick<Cache, 'delete' | 'match' | 'put'>;

/** What a store works with. */
export interface StoreSetup {
  files: () => Promise<Files>;
  index: Index;
  quotaBytes: () => Promise<number | undefined>;
  now: () => number;
}

/** How much is kept. */
export interface Usage {
  bytes: number;
  fragments: number;
  limitBytes: number;
}

/** See the head of the file. */
export class KeptStore {
  readonly #setup: StoreSetup;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(setup: StoreSetup) {
    this.#setup = setup;
  }

  /** The bytes of a fragment, if they are kept; they count as used now. */
  async find(hash: string): Promise<Blob | undefined> {
    const files = await this.#setup.files();
    const response = await files.match(blobKey(hash));
    return await response?.blob();
  }

  /** A fragment was used. */
  async touch(hash: string): Promise<void> {
    await this.#alone(async () => {
      const entry = (await this.#setup.index.entries()).find((known) => known.hash === hash);
      if (entry) await this.#setup.index.put({ ...entry, usedMs: this.#setup.now() });
    });
  }

  /** Keeps a fragment; false if its bytes are not those of its name, or there is no room. */
  async keep(itemId: string, hash: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    if (bytesToHex(blake3(bytes)) !== hash) return false;
    return await this.#alone(async () => {
      const limitBytes = await this.#limitBytes();
      if (bytes.byteLength > limitBytes) return false;
      await this.#shrink(limitBytes - bytes.byteLength, hash);
      if (!(await this.#write(hash, bytes))) return false;
      await this.#setup.index.put({ hash, itemId, bytes: bytes.byteLength, usedMs: this.#setup.now() });
      return true;
    });
  }

  /** Those of `hashes` that are kept. */
  async among(hashes: readonly string[]): Promise<string[]> {
    const known = new Set((await this.#setup.index.entries()).map(({ hash }) => hash));
    return hashes.filter((hash) => known.has(hash));
  }

  async usage(): Promise<Usage> {
    const entries = await this.#setup.index.entries();
    return { bytes: sizeOf(entries), fragments: entries.length, limitBytes: await this.#limitBytes() };
  }

  /** Keeps no more than this from now on. */
  async setLimit(bytes: number): Promise<void> {
    await this.#alone(async () => {
      await this.#setup.index.setLimitBytes(bytes);
      await this.#shrink(bytes);
    });
  }

  /** Forgets everything, or the fragments of the items that are `chosen`. */
  async clear(chosen: (itemId: string) => boolean = () => true): Promise<void> {
    await this.#alone(async () => {
      const entries = await this.#setup.index.entries();
      await this.#remove(entries.filter(({ itemId }) => chosen(itemId)));
    });
  }

  async #write(hash: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const files = await this.#setup.files();
    const put = async (): Promise<boolean> => {
      try {
        await files.put(blobKey(hash), new Response(bytes));
        return true;
      } catch {
        return false;
      }
    };
    if (await put()) return true;
    // The browser has less room than it said.
    const kept = sizeOf(await this.#setup.index.entries());
    await this.#shrink(kept * (1 - FREED_SHARE));
    return await put();
  }

  async #shrink(toBytes: number, except?: string): Promise<void> {
    const entries = (await this.#setup.index.entries()).filter(({ hash }) => hash !== except);
    let excess = sizeOf(entries) - toBytes;
    const gone: Entry[] = [];
    for (const entry of entries.sort((a, b) => a.usedMs - b.usedMs)) {
      if (excess <= 0) break;
      gone.push(entry);
      excess -= entry.bytes;
    }
    await this.#remove(gone);
  }

  async #remove(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    const files = await this.#setup.files();
    for (const { hash } of entries) await files.delete(blobKey(hash));
    await this.#setup.index.remove(entries.map(({ hash }) => hash));
  }

  async #limitBytes(): Promise<number> {
    const chosen = await this.#setup.index.limitBytes();
    const quota = (await this.#setup.quotaBytes()) ?? Infinity;
    return Math.floor(Math.min(chosen ?? DEFAULT_BYTES, quota * QUOTA_SHARE));
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
