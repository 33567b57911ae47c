// The page's side of what this browser keeps of the library. The service worker keeps it; where there is none (an insecure address, a
// private window, blocked site data) nothing is kept, and everything else works. No DOM.

import { serviceWorkers, siteCaches } from '../../browser/offline-storage';
import type { BlobName, Item, ItemId, Manifest } from '../../protocol/item';
import { blobKey } from './addresses';
import { FRAGMENTS_CACHE, type Answers, type Message } from './messages';
import type { Usage } from './store';

/** How long the worker may take to start, and then to answer. */
const ANSWER_MS = 8_000;

/** See the head of the file. */
export class Kept {
  readonly #workers: ServiceWorkerContainer | undefined;
  readonly #active: Promise<ServiceWorker | undefined>;
  #activated: ((worker: Promise<ServiceWorker | undefined>) => void) | undefined;

  constructor(workers: ServiceWorkerContainer | undefined = serviceWorkers()) {
    this.#workers = workers;
    this.#active = new Promise((resolve) => (this.#activated = resolve));
  }

  /** Starts the worker in `script`, for the pages below `scope`; questions that were asked before wait for it. */
  start(script: string, scope: string): void {
    this.#activated?.(this.#register(script, scope));
    this.#activated = undefined;
  }

  /** For pages that start no worker: asks the one that another page started. Without such a worker nothing is kept. */
  static joined(workers?: ServiceWorkerContainer): Kept {
    const kept = new Kept(workers);
    kept.#activated?.(kept.#registered());
    kept.#activated = undefined;
    return kept;
  }

  /** Whether the worker sees what this page fetches. */
  get isWatching(): boolean {
    return (this.#workers?.controller ?? null) !== null;
  }

  /** Hands a fragment over. The bytes are copied. */
  keep(itemId: ItemId, { hash }: BlobName, bytes: Uint8Array<ArrayBuffer>): void {
    void this.#ask({ ask: 'keep', itemId, hash, bytes });
  }

  /** An item is played by the account of that name, or without an account. */
  keepItem(item: Item, manifest: Manifest, person: string | null): void {
    void this.#ask({ ask: 'keep-item', item, manifest, person });
  }

  /** This account is signed in, or none: what may not be public and was kept for another one goes. */
  async isFor(person: string | null): Promise<void> {
    await this.#ask({ ask: 'person', person });
  }

  /** An item is gone. */
  forgetItem(itemId: ItemId): void {
    void this.#ask({ ask: 'forget-item', itemId });
  }

  /** The items that were played here; none where nothing is kept. */
  async items(): Promise<Item[]> {
    return (await this.#ask({ ask: 'items' })) ?? [];
  }

  /** Those of `hashes` that are kept. */
  async among(hashes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.#ask({ ask: 'among', hashes })) ?? []);
  }

  /** How much is kept; undefined where nothing can be. */
  usage(): Promise<Usage | undefined> {
    return this.#ask({ ask: 'usage' });
  }

  /** Keeps no more than this. */
  setLimit(bytes: number): Promise<Usage | undefined> {
    return this.#ask({ ask: 'limit', bytes });
  }

  /** Forgets everything. */
  clear(): Promise<Usage | undefined> {
    return this.#ask({ ask: 'clear' });
  }

  /** The bytes of a fragment, straight from the cache. */
  async read(hash: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const cache = await siteCaches()?.open(FRAGMENTS_CACHE);
      const response = await cache?.match(blobKey(hash));
      return response && new Uint8Array(await response.arrayBuffer());
    } catch {
      return undefined;
    }
  }

  async #register(script: string, scope: string): Promise<ServiceWorker | undefined> {
    try {
      await this.#workers?.register(script, { scope, updateViaCache: 'none' });
      // A worker that cannot be installed is never ready.
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
