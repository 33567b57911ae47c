// The list of parties: the newest query counts, pages are joined without duplicates, failures keep the displayed list.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import type { PartyPage, PartySummary } from '../protocol/party';
import type { PartyQuery } from './api';
import { PartyListing, type PartyListView } from './listing';

function summary(n: number): PartySummary {
  return {
    party_id: String(n).padStart(32, '0'),
    title: `Party ${n}`,
    policy: 'host',
    access: 'public',
    host_name: 'Ann',
    present: 1,
    needs_account: false,
    created_at_ms: 0,
  };
}

class Server {
  readonly asked: PartyQuery[] = [];
  readonly #answers: ((page: PartyPage | CallError) => void)[] = [];

  list = (query: PartyQuery = {}): Promise<PartyPage> => {
    this.asked.push(query);
    return new Promise((resolve, reject) => {
      this.#answers.push((page) => (page instanceof CallError ? reject(page) : resolve(page)));
    });
  };

  async answer(at: number, page: PartyPage | CallError): Promise<void> {
    this.#answers[at]?.(page);
    await vi.advanceTimersByTimeAsync(0);
  }
}

let server: Server;
let view: PartyListView | undefined;
let listing: PartyListing;

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  listing = new PartyListing({ parties: server, changed: (shown) => (view = shown) });
});
afterEach(() => void vi.useRealTimers());

const titles = (): string[] | undefined => view?.parties?.map(({ title }) => title);

it('asks once after a pause in typing', async () => {
  for (const q of ['f', 'fr', 'fri']) void listing.ask(q, true);
  await vi.runAllTimersAsync();
  expect(server.asked.map(({ q }) => q)).toEqual(['fri']);
});

it('shows the answer to the newest query, whichever arrives last', async () => {
  void listing.ask('a');
  void listing.ask('b');
  await server.answer(1, { parties: [summary(2)] });
  await server.answer(0, { parties: [summary(1)] });
  expect(titles()).toEqual(['Party 2']);
});

it('joins pages, and shows a party that moved between them once', async () => {
  void listing.ask('');
  await server.answer(0, { parties: [summary(1), summary(2)], next_cursor: 'c' });
  expect(view?.hasMore).toBe(true);
  listing.more();
  expect(server.asked.at(-1)?.cursor).toBe('c');
  await server.answer(1, { parties: [summary(2), summary(3)] });
  expect(titles()).toEqual(['Party 1', 'Party 2', 'Party 3']);
  expect(view?.hasMore).toBe(false);
});

it('keeps the list when the server is unreachable, and reports it', async () => {
  void listing.ask('');
  await server.answer(0, { parties: [summary(1)] });
  const failed = expect(listing.refresh()).rejects.toThrow('away');
  await server.answer(1, new CallError('unreachable', 'away'));
  await failed;
  expect(titles()).toEqual(['Party 1']);
  expect(view?.error?.code).toBe('unreachable');
});
