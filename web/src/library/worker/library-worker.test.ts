// The worker answers from storage, stores only complete and verified data, and leaves everything else to the network.

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Item } from '../../protocol/item';
import { FakeCache, FakeCaches, FakeIndex } from '../kept/fake-storage';
import { KeptStore } from '../kept/store';
import { KEPT_HEADER } from '../transfer';
import { LibraryWorker } from './library-worker';
import { PageFiles } from './page-files';
import { Records } from './records';
import type { FetchEvent } from './scope';

const BASE = 'http://site/tv';
const ID = 'f'.repeat(32);
const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const hash = bytesToHex(blake3(bytes));
const blobUrl = (node: string, grant: string): string => `http://${node}/library/${ID}/blobs/${hash}?grant=${grant}`;

let answers: Map<string, () => Response>;
let asked: string[];
let worker: LibraryWorker;
let caches: FakeCaches;

const network = (input: RequestInfo | URL): Promise<Response> => {
  const url = typeof input === 'string' ? input : (input as Request).url;
  asked.push(url);
  const answer = answers.get(url);
  return answer === undefined ? Promise.reject(new TypeError('offline')) : Promise.resolve(answer());
};

beforeEach(() => {
  answers = new Map();
  asked = [];
  caches = new FakeCaches(network);
  const fragments = new FakeCache();
  worker = new LibraryWorker({
    store: new KeptStore({
      files: () => Promise.resolve(fragments),
      index: new FakeIndex(),
      quotaBytes: () => Promise.resolve(undefined),
      now: () => 0,
    }),
    pages: new PageFiles({ caches: caches.asCaches, fetch: network, base: BASE }),
    records: new Records(caches.asCaches, network),
    fetch: network,
    base: BASE,
  });
});

/** The worker's answer, after its background work is done; undefined if it leaves the request to the browser. */
async function get(url: string, headers: Record<string, string> = {}, mode = 'cors'): Promise<Response | undefined> {
  const work: Promise<unknown>[] = [];
  let answer: Promise<Response> | undefined;
  const request = { url, method: 'GET', mode, headers: new Headers(headers) } as Request;
  const event = {
    request,
    respondWith: (response: Promise<Response>) => (answer = response),
    waitUntil: (promise: Promise<unknown>) => work.push(promise),
  } as unknown as FetchEvent;
  worker.fetched(event);
  const response = await answer;
  await Promise.all(work);
  return response;
}

describe('a fragment', () => {
  it('is fetched once, from whatever node, and cut to a requested range', async () => {
    answers.set(blobUrl('a', '1'), () => new Response(bytes));
    expect((await get(blobUrl('a', '1')))?.headers.get(KEPT_HEADER)).toBeNull();
    const again = await get(blobUrl('b', '2'));
    expect(again?.headers.get(KEPT_HEADER)).toBe('1');
    expect(new Uint8Array((await again?.arrayBuffer()) ?? [])).toEqual(bytes);
    const rest = await get(blobUrl('c', '3'), { range: 'bytes=990-' });
    expect([rest?.status, (await rest?.arrayBuffer())?.byteLength]).toEqual([206, 10]);
    expect(asked).toEqual([blobUrl('a', '1')]);
  });

  it.each([
    ['a failure', () => new Response(bytes, { status: 503 }), {}],
    ['a part', () => new Response(bytes.slice(500), { status: 206 }), { range: 'bytes=500-' }],
    ['too little', () => new Response(bytes.slice(500)), {}],
    ['other bytes', () => new Response(bytes.map((byte) => byte ^ 1)), {}],
    [
      'a connection that breaks',
      () => new Response(new ReadableStream({ pull: (to) => to.error(new TypeError('broken')) })),
      {},
    ],
  ])('is not kept from %s', async (_what, answer, headers) => {
    answers.set(blobUrl('a', '1'), answer);
    await (await get(blobUrl('a', '1'), headers))?.arrayBuffer().catch(() => undefined);
    await expect(get(blobUrl('b', '1'))).rejects.toThrow('offline');
  });

  it('that a page assembled is stored', async () => {
    expect(await worker.message({ ask: 'keep', itemId: ID, hash, bytes })).toBe(true);
    expect((await get(blobUrl('b', '2')))?.status).toBe(200);
    expect(await worker.message({ ask: 'clear' })).toMatchObject({ bytes: 0, fragments: 0 });
  });
});

describe('without a network', () => {
  const page = `<html><meta name="base" content="/tv/"><script type="module" src="/tv/assets/l-1.js"></script>
    <link rel="modulepreload" href="/tv/assets/shell-1.js">
    <meta name="file" content="/tv/assets/later-1.js"><a href="/tv/live"></html>`;
  const html = (text: string) => () => new Response(text, { headers: { 'content-type': 'text/html; charset=utf-8' } });
  const item = { item_id: ID, title: 'Song', poster_url: '/tv/api/library/p/poster' } as Item;
  const manifest = { item_id: ID, takes: [] };

  async function play(): Promise<void> {
    answers.set(`${BASE}/library`, html(page));
    for (const name of ['l-1', 'shell-1', 'later-1'])
      answers.set(`${BASE}/assets/${name}.js`, () => new Response(name));
    answers.set(`http://site/tv/api/library/p/poster`, () => new Response('picture'));
    await worker.message({ ask: 'keep-item', item, manifest, person: null });
  }

  it('a played item opens: the page, its files, its record, its manifest', async () => {
    await play();
    answers.clear();
    const opened = await get(`${BASE}/library/${ID}`, {}, 'navigate');
    expect(await opened?.text()).toBe(page);
    for (const name of ['l-1', 'shell-1', 'later-1'])
      expect(await (await get(`${BASE}/assets/${name}.js`))?.text()).toBe(name);
    expect(await (await get(`${BASE}/api/library/${ID}`))?.json()).toEqual(item);
    expect(await (await get(`${BASE}/library/${ID}/manifest`))?.json()).toEqual(manifest);
    expect(await worker.message({ ask: 'items' })).toEqual([item]);
    await worker.message({ ask: 'forget-item', itemId: ID });
    expect(await worker.message({ ask: 'items' })).toEqual([]);
  });

  it('the page is requested from the network before the storage is searched', async () => {
    await play();
    asked.length = 0;
    const looked: number[] = [];
    const watched = caches.asCaches;
    watched.match = () => {
      looked.push(asked.length);
      return Promise.resolve(undefined);
    };
    const pages = new PageFiles({ caches: watched, fetch: network, base: BASE });
    await pages.page({ url: `${BASE}/library` } as Request);
    expect(looked[0]).toBe(1);
  });

  it('a new build replaces the old one as soon as it is complete', async () => {
    await play();
    const newer = page.replaceAll('-1.js', '-2.js');
    answers.set(`${BASE}/library`, html(newer));
    answers.set(`${BASE}/assets/l-2.js`, () => new Response('l-2'));
    expect(await (await get(`${BASE}/library`, {}, 'navigate'))?.text()).toBe(newer);
    answers.delete(`${BASE}/library`);
    expect(await (await get(`${BASE}/library`, {}, 'navigate'))?.text()).toBe(page);
    answers.set(`${BASE}/library`, html(newer));
    for (const name of ['shell-2', 'later-2']) answers.set(`${BASE}/assets/${name}.js`, () => new Response(name));
    await get(`${BASE}/library`, {}, 'navigate');
    answers.clear();
    expect(await (await get(`${BASE}/library`, {}, 'navigate'))?.text()).toBe(newer);
    expect([...caches.named.keys()].filter((name) => name.includes('page'))).toHaveLength(1);
  });
});

describe('the storage of items', () => {
  const bounds = { items: 3, pictureBytes: 100, picturesBytes: 250 };
  const manifest = { item_id: ID, takes: [] };
  const record = (n: number, more: Partial<Item> = {}): Item =>
    ({ item_id: String(n).repeat(32), title: `Song ${n}`, visibility: 'public', ...more }) as Item;
  const cover = (n: number, bytes = 100): string => {
    answers.set(`http://site/cover/${n}`, () => new Response(new Uint8Array(bytes)));
    return `http://site/cover/${n}`;
  };
  const covers = (): string[] =>
    [...(caches.named.get('undead-library-records')?.responses.keys() ?? [])].filter((key) => key.includes('cover'));
  let records: Records;

  beforeEach(() => (records = new Records(caches.asCaches, network, bounds)));

  it('is limited: covers are removed with their items, and the oldest if all are too large together', async () => {
    for (const n of [1, 2, 3, 4])
      await records.keep(record(n), manifest, { person: null, picture: cover(n, n === 3 ? 40 : 100) });
    expect((await records.items()).map(({ title }) => title)).toEqual(['Song 4', 'Song 3', 'Song 2']);
    expect([covers(), await records.pictureBytes()]).toEqual([[2, 3, 4].map((n) => cover(n)), 240]);
    await records.keep(record(3), manifest, { person: null, picture: cover(5) });
    expect([covers(), await records.pictureBytes()]).toEqual([[4, 5].map((n) => cover(n)), 200]);
    await records.forget(record(4).item_id);
    expect(covers()).toEqual([cover(5)]);
    await records.keep(record(5), manifest, { person: null, picture: cover(6, 101) });
    expect((await records.items()).map(({ title }) => title)).toEqual(['Song 5', 'Song 3', 'Song 2']);
    expect(covers()).toEqual([cover(5)]);
  });

  it('counts its bytes, with covers', async () => {
    const item = record(1, { poster_url: '/cover/1' });
    cover(1);
    answers.set(`${BASE}/library`, () => new Response('', { status: 404 }));
    await worker.message({ ask: 'keep-item', item, manifest, person: null });
    expect(await worker.message({ ask: 'usage' })).toMatchObject({ bytes: 100, fragments: 0 });
    expect(await worker.message({ ask: 'clear' })).toMatchObject({ bytes: 0 });
  });

  it('belongs to the person who was signed in, unless the item is public', async () => {
    const keep = async (n: number, visibility: Item['visibility'], person: string | null): Promise<void> => {
      const item = record(n, { visibility });
      await worker.message({ ask: 'keep-item', item, manifest, person });
      const part = new Uint8Array([n]);
      await worker.message({ ask: 'keep', itemId: item.item_id, hash: bytesToHex(blake3(part)), bytes: part });
    };
    answers.set(`${BASE}/library`, () => new Response('', { status: 404 }));
    await keep(1, 'public', 'ann');
    await keep(2, 'unlisted', 'ann');
    await keep(3, 'private', 'änn');
    await keep(4, 'unlisted', null);
    const left = async (): Promise<unknown> => {
      const items = (await worker.message({ ask: 'items' })) as Item[];
      const { fragments } = (await worker.message({ ask: 'usage' })) as { fragments: number };
      return [items.map(({ title }) => title).sort(), fragments];
    };
    await worker.message({ ask: 'person', person: 'änn' });
    expect(await left()).toEqual([['Song 1', 'Song 3', 'Song 4'], 3]);
    await worker.message({ ask: 'person', person: null });
    expect(await left()).toEqual([['Song 1', 'Song 4'], 2]);
  });

  it('is removed with the account if there are only fragments, which may not be public', async () => {
    const fragmentsAfter = async (person: string | null): Promise<number> => {
      await worker.message({ ask: 'person', person });
      return ((await worker.message({ ask: 'usage' })) as { fragments: number }).fragments;
    };
    const fetchStem = async (): Promise<void> => {
      answers.set(blobUrl('a', '1'), () => new Response(bytes));
      await get(blobUrl('a', '1'));
    };
    await fetchStem();
    expect(await fragmentsAfter('ann')).toBe(0);
    await fetchStem();
    expect(await fragmentsAfter('ann')).toBe(1);
    expect(await fragmentsAfter(null)).toBe(0);
    await fetchStem();
    expect(await fragmentsAfter(null)).toBe(1);
    expect(await fragmentsAfter('ben')).toBe(0);
  });
});

it('leaves everything else to the browser', async () => {
  for (const url of [`${BASE}/view`, `${BASE}/api/streams`, `${BASE}/api/library?q=a`, 'http://node/ws/abc'])
    expect(await get(url)).toBeUndefined();
  expect(await get(`${BASE}/view`, {}, 'navigate')).toBeUndefined();
  expect(asked).toEqual([]);
});
