// The fragments stored in this browser, by hash, within a byte limit; the least recently used are removed first. Only
// bytes with the right hash are stored. An index next to the cache records sizes and times; its changes run one after
// another. No DOM.

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { blobKey } from './addresses';

/** Default limit in bytes, and the largest share of the site's quota. */
const DEFAULT_BYTES = 1_000_000_000;
const QUOTA_SHARE = 0.4;
/** Share that is freed when the browser has no space. */
const FREED_SHARE = 0.2;

/** The index entry of a fragment. */
export interface Entry {
  hash: string;
  itemId: string;
  bytes: number;
  /** Time of the last use, Unix epoch. */
  usedMs: number;
}

/** The interface of the index; see database.ts. */
export interface Index {
  entries(): Promise<Entry[]>;
  put(entry: Entry): Promise<void>;
  remove(hashes: readonly string[]): Promise<void>;
  /** The person's choice; undefined for the default. */
  limitBytes(): Promise<number | undefined>;
  setLimitBytes(bytes: number): Promise<void>;
}

/** The part of a `Cache` that is used. */
export type Files = Pick<Cache, 'delete' | 'match' | 'put'>;

/** Dependencies of a store. */
export interface StoreSetup {
  files: () => Promise<Files>;
  index: Index;
  quotaBytes: () => Promise<number | undefined>;
  now: () => number;
}

/** The amount stored. */
export interface Usage {
  bytes: number;
  fragments: number;
  limitBytes: number;
}

/** Stores the fragments of one site. */
export class KeptStore {
  readonly #setup: StoreSetup;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(setup: StoreSetup) {
    this.#setup = setup;
  }

  /** The bytes of a fragment, if stored. Counts as a use. */
  async find(hash: string): Promise<Blob | undefined> {
    const files = await this.#setup.files();
    const response = await files.match(blobKey(hash));
    return await response?.blob();
  }

  /** Records the use of a fragment. */
  async touch(hash: string): Promise<void> {
    await this.#alone(async () => {
      const entry = (await this.#setup.index.entries()).find((known) => known.hash === hash);
      if (entry) await this.#setup.index.put({ ...entry, usedMs: this.#setup.now() });
    });
  }

  /** Stores a fragment. Returns false if its bytes do not match its hash, or there is no space. */
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

  /** Returns those of `hashes` that are stored. */
  async among(hashes: readonly string[]): Promise<string[]> {
    const known = new Set((await this.#setup.index.entries()).map(({ hash }) => hash));
    return hashes.filter((hash) => known.has(hash));
  }

  async usage(): Promise<Usage> {
    const entries = await this.#setup.index.entries();
    return { bytes: sizeOf(entries), fragments: entries.length, limitBytes: await this.#limitBytes() };
  }

  async setLimit(bytes: number): Promise<void> {
    await this.#alone(async () => {
      await this.#setup.index.setLimitBytes(bytes);
      await this.#shrink(bytes);
    });
  }

  /** Removes everything, or the fragments of the `chosen` items. */
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
    // The browser has less space than it reported.
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
