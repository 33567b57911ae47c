// A search shows the answer of the newest query, page after page, and offline the stored items.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import type { Item, ItemPage } from '../protocol/item';
import type { ListQuery } from './api';
import { Listing, type ListingView } from './listing';

const item = (name: string): Item => ({ item_id: name, title: name, tags: [], kind: 'upload' }) as unknown as Item;

let asked: ListQuery[];
let answers: ((page: ItemPage | Error) => void)[];
let view: ListingView;
let listing: Listing;
let kept: Item[];

beforeEach(() => {
  vi.useFakeTimers();
  [asked, answers, kept] = [[], [], []];
  listing = new Listing({
    library: {
      list: (query) => {
        asked.push(query ?? {});
        return new Promise((resolve, reject) =>
          answers.push((page) => (page instanceof Error ? reject(page) : resolve(page))),
        );
      },
    },
    kept: () => Promise.resolve(kept),
    changed: (next) => (view = next),
  });
});

afterEach(() => vi.useRealTimers());

async function answer(at: number, page: ItemPage | Error): Promise<void> {
  answers[at]?.(page);
  await vi.advanceTimersByTimeAsync(0);
}

const titles = () => view.items?.map(({ title }) => title);

it('asks once after a pause in typing, and shows the newest query’s answer', async () => {
  for (const q of ['b', 'bl', 'blu']) listing.ask({ q }, true);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(asked.map(({ q }) => q)).toEqual(['blu']);
  listing.ask({ q: 'blue' });
  await answer(1, { items: [item('new')], total: 1 });
  await answer(0, { items: [item('old')], total: 1 });
  expect(titles()).toEqual(['new']);
});

it('loads the next page once', async () => {
  listing.ask({});
  await answer(0, { items: [item('a'), item('b')], total: 3, next_cursor: 'c1' });
  listing.more();
  listing.more();
  expect(asked.map(({ cursor }) => cursor)).toEqual([undefined, 'c1']);
  await answer(1, { items: [item('b'), item('c')], total: 3 });
  expect([titles(), view.hasMore, view.total]).toEqual([['a', 'b', 'c'], false, 3]);
  listing.learn('b', undefined);
  expect([titles(), view.total]).toEqual([['a', 'c'], 2]);
});

it('adds new items without moving the displayed ones', async () => {
  listing.ask({});
  await answer(0, { items: [item('a')], total: 1 });
  const looked = listing.refresh();
  await answer(1, { items: [item('new'), item('a')], total: 2 });
  await looked;
  expect([titles(), view.total, view.isAsking]).toEqual([['new', 'a'], 2, false]);
  const many = Array.from({ length: 60 }, (_, n) => item(`m${n}`));
  listing.ask({});
  await answer(2, { items: many, total: 60 });
  const again = listing.refresh();
  await answer(3, { items: [item('newer'), ...many.slice(0, 47)], total: 61 });
  await again;
  expect([view.items?.length, titles()?.[0], titles()?.at(-1)]).toEqual([61, 'newer', 'm59']);
});

it('shows the stored items if the server is unreachable, and reports other errors', async () => {
  listing.ask({ q: 'so' });
  kept = [item('song'), item('other')];
  await answer(0, new CallError('unreachable', ''));
  expect([titles(), view.isOffline]).toEqual([['song'], true]);
  listing.ask({});
  await answer(1, new CallError('store_unavailable', ''));
  expect([view.isAsking, view.error?.code]).toEqual([false, 'store_unavailable']);
});
