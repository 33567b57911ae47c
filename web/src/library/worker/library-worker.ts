// The core of the service worker. It answers requests for fragments from storage, whatever the node; requests for the
// library's page and records if the network is unreachable; and the page's messages. Everything else goes to the
// network. No DOM.

import type { Item, ItemId } from '../../protocol/item';
import { recordKey, wantedBy, type Wanted } from '../kept/addresses';
import type { Message } from '../kept/messages';
import { answerWith } from '../kept/range';
import type { KeptStore, Usage } from '../kept/store';
import type { PageFiles } from './page-files';
import type { Records } from './records';
import type { FetchEvent, LastingEvent } from './scope';

/** Dependencies of the worker. */
export interface WorkerSetup {
  store: KeptStore;
  pages: PageFiles;
  records: Records;
  fetch: typeof fetch;
  /** The site's address, without a trailing slash. */
  base: string;
}

/** Handles requests and messages. */
export class LibraryWorker {
  readonly #setup: WorkerSetup;
  /** The last change of account; fragments that arrive meanwhile are stored after it. */
  #changed: Promise<unknown> = Promise.resolve();

  constructor(setup: WorkerSetup) {
    this.#setup = setup;
  }

  /** Answers a request for data that may be stored. */
  fetched(event: FetchEvent): void {
    const { request } = event;
    if (request.method !== 'GET') return;
    const wanted = wantedBy(request.url, this.#setup.base);
    const isPage = request.mode === 'navigate';
    if (wanted === undefined || isPage !== (wanted.what === 'page')) return;
    event.respondWith(this.#answer(event, wanted));
  }

  /** Executes a page's message and returns the answer. */
  async message(message: Message): Promise<unknown> {
    const { store, records, pages } = this.#setup;
    switch (message.ask) {
      case 'keep':
        return await this.#keep(message.itemId, message.hash, message.bytes);
      case 'keep-item':
        await records.keep(message.item, message.manifest, {
          person: message.person,
          picture: this.#picture(message.item),
        });
        await pages.refresh();
        return true;
      case 'person':
        this.#changed = this.#changed.then(() => this.#isFor(message.person)).catch(() => undefined);
        await this.#changed;
        return true;
      case 'forget-item':
        await this.#forget(message.itemId);
        return true;
      case 'items':
        return await records.items();
      case 'among':
        return await store.among(message.hashes);
      case 'usage':
        return await this.#usage();
      case 'limit':
        await store.setLimit(message.bytes);
        return await this.#usage();
      case 'clear':
        await records.clear();
        await store.clear();
        return await this.#usage();
    }
  }

  /** The size of fragments and covers. */
  async #usage(): Promise<Usage> {
    const { store, records } = this.#setup;
    const usage = await store.usage();
    return { ...usage, bytes: usage.bytes + (await records.pictureBytes()) };
  }

  async #forget(itemId: ItemId): Promise<void> {
    await this.#setup.records.forget(itemId);
    await this.#setup.store.clear((id) => id === itemId);
  }

  /**
   * Removes items that are not public when the account changes. Pages without records of their items (karaoke, parties)
   * leave fragments that may not be public: these are removed too.
   */
  async #isFor(person: string | null): Promise<void> {
    const { store, records } = this.#setup;
    for (const itemId of await records.ofOthers(person)) await this.#forget(itemId);
    if ((await records.lastPerson()) === person) return;
    const recorded = new Set(await records.itemIds());
    await store.clear((itemId) => !recorded.has(itemId));
    await records.notePerson(person);
  }

  #picture({ poster_url }: Item): string | undefined {
    return poster_url === undefined ? undefined : new URL(poster_url, this.#setup.base).href;
  }

  async #answer(event: FetchEvent, wanted: Wanted): Promise<Response> {
    const { fetch, pages, records } = this.#setup;
    const { request } = event;
    switch (wanted.what) {
      case 'blob':
        return await this.#blob(event, wanted.itemId, wanted.hash);
      case 'manifest':
        return (await records.find(recordKey('manifest', wanted.itemId))) ?? (await fetch(request));
      case 'item':
        return await this.#networkFirst(request, recordKey('item', wanted.itemId));
      case 'picture':
        return await this.#networkFirst(request, request.url);
      case 'page': {
        const { response, rest } = await pages.page(request);
        event.waitUntil(rest);
        return response;
      }
      case 'file':
        return await pages.file(request);
    }
  }

  async #blob(event: FetchEvent, itemId: string, hash: string): Promise<Response> {
    const { store, fetch } = this.#setup;
    const { request } = event;
    const range = request.headers.get('range');
    const kept = await store.find(hash).catch(() => undefined);
    if (kept !== undefined) {
      lasting(event, store.touch(hash));
      return answerWith(kept, range, hash);
    }
    const response = await fetch(request);
    // Stores only complete answers: the copy fails with the connection, and its hash is verified.
    if (response.status === 200 && range === null) lasting(event, this.#keepAll(itemId, hash, response.clone()));
    return response;
  }

  async #keepAll(itemId: string, hash: string, response: Response): Promise<void> {
    await this.#keep(itemId, hash, new Uint8Array(await response.arrayBuffer()));
  }

  async #keep(itemId: string, hash: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    await this.#changed;
    return await this.#setup.store.keep(itemId, hash, bytes);
  }

  async #networkFirst(request: Request, key: string): Promise<Response> {
    try {
      return await this.#setup.fetch(request);
    } catch (error) {
      const kept = await this.#setup.records.find(key).catch(() => undefined);
      if (kept === undefined) throw error;
      return kept;
    }
  }
}

/** Runs `work` after the answer; if it fails, nothing is stored. */
function lasting(event: LastingEvent, work: Promise<unknown>): void {
  event.waitUntil(work.catch(() => undefined));
}
