// The page's interface to the library's storage in this browser, which the service worker manages. Without a service
// worker (an insecure address, a private window, blocked site data) nothing is stored, and everything else works. No
// DOM.

import { serviceWorkers, siteCaches } from '../../browser/offline-storage';
import type { BlobName, Item, ItemId, Manifest } from '../../protocol/item';
import { blobKey } from './addresses';
import { FRAGMENTS_CACHE, type Answers, type Message } from './messages';
import type { Usage } from './store';

/** Timeout of the worker's start, and of its answers. */
const ANSWER_MS = 8_000;

/** Requests to the service worker. */
export class Kept {
  readonly #workers: ServiceWorkerContainer | undefined;
  readonly #active: Promise<ServiceWorker | undefined>;
  #activated: ((worker: Promise<ServiceWorker | undefined>) => void) | undefined;
  /** When the first message can be sent. */
  readonly #ready: Promise<unknown>;
  /** When it is known for whom the page stores fragments. */
  readonly #personKnown: Promise<void>;
  #tellPersonKnown: () => void = () => undefined;

  constructor(workers: ServiceWorkerContainer | undefined = serviceWorkers()) {
    this.#workers = workers;
    this.#active = new Promise((resolve) => (this.#activated = resolve));
    this.#ready = this.isWatching ? Promise.resolve() : this.#active;
    this.#personKnown = new Promise((resolve) => (this.#tellPersonKnown = resolve));
    // The first access to caches takes browsers a while.
    void this.read('');
  }

  /** Starts the worker in `script`, for the pages below `scope`. Earlier requests wait for it. */
  start(script: string, scope: string): void {
    this.#activated?.(this.#register(script, scope));
    this.#activated = undefined;
  }

  /**
   * For pages that start no worker: uses the one that another page started. Without such a worker nothing is stored.
   */
  static joined(workers?: ServiceWorkerContainer): Kept {
    const kept = new Kept(workers);
    kept.#activated?.(kept.#registered());
    kept.#activated = undefined;
    return kept;
  }

  /** Whether the worker sees the requests of this page. */
  get isWatching(): boolean {
    return (this.#workers?.controller ?? null) !== null;
  }

  /**
   * Stores a fragment, once {@link isFor} was called: the worker then removes fragments that it stored earlier for
   * someone else, and those of items without a record. The bytes are copied.
   */
  keep(itemId: ItemId, { hash }: BlobName, bytes: Uint8Array<ArrayBuffer>): void {
    void this.#personKnown.then(() => this.#ask({ ask: 'keep', itemId, hash, bytes }));
  }

  /** Stores the records of a played item. `person` is the signed-in account, or null. */
  keepItem(item: Item, manifest: Manifest, person: string | null): void {
    void this.#ask({ ask: 'keep-item', item, manifest, person });
  }

  /**
   * Reports the signed-in account, or none: non-public items stored for another account are removed. Undefined if it
   * cannot be known: nothing is removed.
   */
  async isFor(person: string | null | undefined): Promise<void> {
    const told = person === undefined ? undefined : this.#ask({ ask: 'person', person });
    this.#tellPersonKnown();
    await told;
  }

  /** Removes an item. */
  forgetItem(itemId: ItemId): void {
    void this.#ask({ ask: 'forget-item', itemId });
  }

  /** The items that were played here; empty if nothing is stored. */
  async items(): Promise<Item[]> {
    return (await this.#ask({ ask: 'items' })) ?? [];
  }

  /** Returns those of `hashes` that are stored. */
  async among(hashes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.#ask({ ask: 'among', hashes })) ?? []);
  }

  /** The amount stored; undefined if nothing can be. */
  usage(): Promise<Usage | undefined> {
    return this.#ask({ ask: 'usage' });
  }

  /** Sets the limit of the storage. */
  setLimit(bytes: number): Promise<Usage | undefined> {
    return this.#ask({ ask: 'limit', bytes });
  }

  /** Removes everything. */
  clear(): Promise<Usage | undefined> {
    return this.#ask({ ask: 'clear' });
  }

  /** The bytes of a fragment, directly from the cache. */
  async read(hash: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const response = await siteCaches()?.match(blobKey(hash), { cacheName: FRAGMENTS_CACHE });
      return response && new Uint8Array(await response.arrayBuffer());
    } catch {
      return undefined;
    }
  }

  async #register(script: string, scope: string): Promise<ServiceWorker | undefined> {
    try {
      await this.#workers?.register(script, { scope, updateViaCache: 'none' });
      // A worker that cannot be installed never becomes ready.
      const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ANSWER_MS));
      return (await Promise.race([this.#workers?.ready, late]))?.active ?? undefined;
    } catch {
      return undefined;
    }
  }

  async #registered(): Promise<ServiceWorker | undefined> {
    try {
      return (await this.#workers?.getRegistration())?.active ?? undefined;
    } catch {
      return undefined;
    }
  }

  async #ask<M extends Message>(message: M): Promise<Answers[M['ask']] | undefined> {
    // Messages keep their order: a worker may take over the page while earlier ones wait for its start.
    await this.#ready;
    const worker = this.#workers?.controller ?? (await this.#active);
    if (worker === undefined) return undefined;
    const { port1, port2 } = new MessageChannel();
    return await new Promise((resolve) => {
      const end = (answer: Answers[M['ask']] | undefined): void => {
        clearTimeout(timer);
        port1.close();
        resolve(answer);
      };
      const timer = setTimeout(() => end(undefined), ANSWER_MS);
      port1.onmessage = ({ data }: MessageEvent<{ answer?: Answers[M['ask']] }>) => end(data.answer);
      worker.postMessage(message, [port2]);
    });
  }
}
