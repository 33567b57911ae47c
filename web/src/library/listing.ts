// The searchable list of items. Only the newest query counts, and further pages are loaded on demand. Offline it shows
// the items that were played in this browser. No DOM.

import { asCallError, type CallError } from '../protocol/error';
import type { Item, ItemId } from '../protocol/item';
import type { Library, ListQuery } from './api';

/** The server is asked after a pause in typing of this length. */
const TYPING_MS = 150;
/** Items per page. */
const PAGE = 48;

/** The query. */
export type Search = Pick<ListQuery, 'q' | 'kind' | 'tag' | 'sort' | 'mine' | 'deleted'>;

/** The displayed state. */
export interface ListingView {
  /** Undefined until the first answer. */
  items: readonly Item[] | undefined;
  /** Total over all pages. */
  total: number;
  hasMore: boolean;
  isAsking: boolean;
  /** Whether the server is unreachable, so that these are the stored items. */
  isOffline: boolean;
  error?: CallError;
}

/** Dependencies and callbacks of a listing. */
export interface ListingSetup {
  library: Pick<Library, 'list'>;
  /** The items that can be played offline. */
  kept: () => Promise<Item[]>;
  changed: (view: ListingView) => void;
}

/** Runs the queries of one list. */
export class Listing {
  readonly #setup: ListingSetup;
  #search: Search = {};
  #view: ListingView = { items: undefined, total: 0, hasMore: false, isAsking: false, isOffline: false };
  #cursor: string | undefined;
  #asking = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(setup: ListingSetup) {
    this.#setup = setup;
  }

  get search(): Search {
    return this.#search;
  }

  /** Sets the query; `typed` waits for a pause in typing. */
  ask(search: Search, typed = false): void {
    this.#search = search;
    clearTimeout(this.#timer);
    if (typed) this.#timer = setTimeout(() => void this.#ask(undefined), TYPING_MS);
    else void this.#ask(undefined);
  }

  /** Loads changes: new items come first, and the displayed ones keep their order. */
  async refresh(): Promise<void> {
    const { signal } = this.#asking;
    if (this.#view.isAsking) return;
    const page = await this.#setup.library.list({ ...this.#search, limit: PAGE }, signal);
    if (signal.aborted) return;
    const news = new Map(page.items.map((item) => [item.item_id, item]));
    const shown = this.#view.items ?? [];
    if (shown.length <= PAGE) {
      this.#cursor = page.next_cursor;
      this.#view = { ...this.#view, items: page.items, hasMore: page.next_cursor !== undefined };
    } else {
      const known = new Set(shown.map(({ item_id }) => item_id));
      const added = page.items.filter(({ item_id }) => !known.has(item_id));
      this.#view = { ...this.#view, items: [...added, ...shown.map((item) => news.get(item.item_id) ?? item)] };
    }
    this.#view = { ...this.#view, total: page.total, isOffline: false };
    delete this.#view.error;
    this.#setup.changed(this.#view);
  }

  /** Loads the next page. */
  more(): void {
    if (this.#view.hasMore && !this.#view.isAsking) void this.#ask(this.#cursor);
  }

  /** Whether an item is shown. */
  shows(id: ItemId): boolean {
    return this.#view.items?.some(({ item_id }) => item_id === id) === true;
  }

  /** Updates an item; undefined removes it. */
  learn(id: ItemId, item: Item | undefined): void {
    const items = this.#view.items?.flatMap((known) =>
      known.item_id !== id ? [known] : item === undefined ? [] : [item],
    );
    const gone = (this.#view.items?.length ?? 0) - (items?.length ?? 0);
    this.#tell({ items, total: this.#view.total - gone });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  async #ask(cursor: string | undefined): Promise<void> {
    this.#asking.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#tell({ isAsking: true });
    try {
      const page = await this.#setup.library.list({ ...this.#search, limit: PAGE, cursor }, asking.signal);
      if (asking.signal.aborted) return;
      const before = cursor === undefined ? [] : (this.#view.items ?? []);
      const known = new Set(before.map(({ item_id }) => item_id));
      const items = [...before, ...page.items.filter(({ item_id }) => !known.has(item_id))];
      this.#cursor = page.next_cursor;
      const hasMore = page.next_cursor !== undefined;
      this.#view = { items, total: page.total, hasMore, isAsking: false, isOffline: false };
      this.#setup.changed(this.#view);
    } catch (problem) {
      if (!asking.signal.aborted) await this.#fail(asCallError(problem), asking.signal);
    }
  }

  async #fail(error: CallError, signal: AbortSignal): Promise<void> {
    const isAway = error.code === 'unreachable' || error.code === 'timeout';
    const kept = isAway ? await this.#setup.kept().catch(() => []) : [];
    if (signal.aborted) return;
    const items = kept.filter((item) => matches(item, this.#search));
    if (kept.length > 0)
      this.#tell({ items, total: items.length, hasMore: false, isAsking: false, isOffline: true, error });
    else this.#tell({ isAsking: false, error });
  }

  #tell(change: Partial<ListingView>): void {
    this.#view = { ...this.#view, ...change };
    this.#setup.changed(this.#view);
  }
}

/** Whether an item matches the query, as far as the page can tell. */
function matches({ title, artist, album, tags, kind }: Item, { q = '', kind: wanted }: Search): boolean {
  if (wanted !== undefined && kind !== wanted) return false;
  const text = [title, artist, album, ...tags].join(' ').toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
