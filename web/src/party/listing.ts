// The searchable list of parties. Only the newest query counts, and further pages are loaded on demand. No DOM.

import { asCallError, type CallError } from '../protocol/error';
import type { PartySummary } from '../protocol/party';
import type { Parties } from './api';

/** The server is asked after a pause in typing of this length. */
const TYPING_MS = 150;
/** Parties per page. */
const PAGE = 48;

/** The displayed state. */
export interface PartyListView {
  /** Undefined until the first answer. */
  parties: readonly PartySummary[] | undefined;
  hasMore: boolean;
  isAsking: boolean;
  /** Why the list is not up to date. */
  error: CallError | undefined;
}

/** Dependencies and callbacks. */
export interface PartyListSetup {
  parties: Pick<Parties, 'list'>;
  changed: (view: PartyListView) => void;
}

/** Runs the queries of one list. */
export class PartyListing {
  readonly #setup: PartyListSetup;
  #q = '';
  #view: PartyListView = { parties: undefined, hasMore: false, isAsking: false, error: undefined };
  #cursor: string | undefined;
  #asking = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(setup: PartyListSetup) {
    this.#setup = setup;
  }

  /** Searches for parties with these words; `typed` waits for a pause in typing. */
  ask(q: string, typed = false): Promise<void> {
    this.#q = q;
    clearTimeout(this.#timer);
    if (!typed) return this.#ask(undefined);
    this.#timer = setTimeout(() => void this.#ask(undefined), TYPING_MS);
    return Promise.resolve();
  }

  /** Loads changes, unless the person has loaded further pages. Throws if the server is unreachable. */
  async refresh(): Promise<void> {
    if (this.#view.isAsking || (this.#view.parties?.length ?? 0) > PAGE) return;
    await this.#ask(undefined);
    if (this.#view.error !== undefined) throw this.#view.error;
  }

  /** Loads the next page. */
  more(): void {
    if (this.#view.hasMore && !this.#view.isAsking) void this.#ask(this.#cursor);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  async #ask(cursor: string | undefined): Promise<void> {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    this.#tell({ isAsking: true });
    try {
      const page = await this.#setup.parties.list({ q: this.#q.trim(), limit: PAGE, cursor }, signal);
      if (signal.aborted) return;
      const before = cursor === undefined ? [] : (this.#view.parties ?? []);
      const known = new Set(before.map(({ party_id }) => party_id));
      const parties = [...before, ...page.parties.filter(({ party_id }) => !known.has(party_id))];
      this.#cursor = page.next_cursor;
      this.#tell({ parties, hasMore: page.next_cursor !== undefined, isAsking: false, error: undefined });
    } catch (problem) {
      if (!signal.aborted) this.#tell({ isAsking: false, error: asCallError(problem) });
    }
  }

  #tell(change: Partial<PartyListView>): void {
    this.#view = { ...this.#view, ...change };
    this.#setup.changed(this.#view);
  }
}
