// Fragments are stored complete and verified, within a limit; the least recently used are removed first. Answers
// contain the requested range.

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { beforeEach, describe, expect, it } from 'vitest';
import { blobKey, wantedBy } from './addresses';
import { FakeCache, FakeIndex } from './fake-storage';
import { answerWith } from './range';
import { KeptStore } from './store';

const ID = 'f'.repeat(32);

function fragment(n: number, size = 100): { hash: string; bytes: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(size).fill(n);
  return { bytes, hash: bytesToHex(blake3(bytes)) };
}

let cache: FakeCache;
let index: FakeIndex;
let store: KeptStore;
let nowMs: number;

beforeEach(() => {
  cache = new FakeCache();
  index = new FakeIndex();
  nowMs = 0;
  const files = () => Promise.resolve(cache);
  store = new KeptStore({ files, index, quotaBytes: () => Promise.resolve(undefined), now: () => ++nowMs });
});

describe('a fragment', () => {
  it('is found by its hash, and counted', async () => {
    const { hash, bytes } = fragment(1);
    expect(await store.keep(ID, hash, bytes)).toBe(true);
    expect(new Uint8Array((await (await store.find(hash))?.arrayBuffer()) ?? [])).toEqual(bytes);
    expect(await store.usage()).toMatchObject({ bytes: 100, fragments: 1 });
    expect(await store.among([hash, fragment(2).hash])).toEqual([hash]);
  });

  it('whose bytes do not match its hash is not stored', async () => {
    expect(await store.keep(ID, fragment(1).hash, fragment(2).bytes)).toBe(false);
    expect(await store.keep(ID, fragment(1).hash, fragment(1).bytes.slice(0, 50))).toBe(false);
    expect([cache.responses.size, index.known.size]).toEqual([0, 0]);
  });

  it('that is larger than the limit is not stored, and nothing is removed for it', async () => {
    await store.setLimit(150);
    const small = fragment(1);
    await store.keep(ID, small.hash, small.bytes);
    const large = fragment(2, 200);
    expect(await store.keep(ID, large.hash, large.bytes)).toBe(false);
    expect(await store.among([small.hash])).toEqual([small.hash]);
  });
});

describe('the limit', () => {
  it('holds: the least recently used fragment is removed first', async () => {
    await store.setLimit(300);
    const all = [1, 2, 3, 4].map((n) => fragment(n));
    for (const { hash, bytes } of all.slice(0, 3)) await store.keep(ID, hash, bytes);
    await store.touch(all[0]?.hash ?? '');
    await store.keep(ID, all[3]?.hash ?? '', all[3]?.bytes ?? new Uint8Array());
    expect(await store.among(all.map(({ hash }) => hash))).toEqual([0, 2, 3].map((n) => all[n]?.hash));
    expect(cache.responses.has(blobKey(all[1]?.hash ?? ''))).toBe(false);
    expect((await store.usage()).bytes).toBe(300);
  });

  it('is a share of the browser’s quota', async () => {
    const setup = { files: () => Promise.resolve(cache), index, now: () => 0 };
    const tight = new KeptStore({ ...setup, quotaBytes: () => Promise.resolve(1000) });
    expect((await tight.usage()).limitBytes).toBe(400);
    index.limit = 100;
    expect((await tight.usage()).limitBytes).toBe(100);
  });

  it('removes fragments at once when it is lowered', async () => {
    for (const n of [1, 2, 3]) await store.keep(ID, fragment(n).hash, fragment(n).bytes);
    await store.setLimit(120);
    expect((await store.usage()).fragments).toBe(1);
  });

  it('yields if the browser has less space than it reported', async () => {
    for (const n of [1, 2, 3, 4, 5]) await store.keep(ID, fragment(n).hash, fragment(n).bytes);
    cache.isFull = () => cache.responses.size > 4;
    expect(await store.keep(ID, fragment(6).hash, fragment(6).bytes)).toBe(true);
    cache.isFull = () => true;
    expect(await store.keep(ID, fragment(7).hash, fragment(7).bytes)).toBe(false);
    expect(await store.among([fragment(7).hash])).toEqual([]);
  });

  it('clears everything, or the selected items', async () => {
    const other = 'e'.repeat(32);
    await store.keep(ID, fragment(1).hash, fragment(1).bytes);
    await store.keep(other, fragment(2).hash, fragment(2).bytes);
    await store.clear((itemId) => itemId === other);
    expect((await store.usage()).fragments).toBe(1);
    await store.clear();
    expect([(await store.usage()).bytes, cache.responses.size]).toEqual([0, 0]);
  });
});

describe('an answer', () => {
  const blob = new Blob(['0123456789']);
  it.each([
    [null, 200, '0123456789', null],
    ['bytes=3-', 206, '3456789', 'bytes 3-9/10'],
    ['bytes=3-4', 206, '34', 'bytes 3-4/10'],
    ['bytes=3-100', 206, '3456789', 'bytes 3-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=4-3', 200, '0123456789', null],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['lines=1-', 200, '0123456789', null],
  ])('to %s is %i', async (range, status, text, contentRange) => {
    const answer = answerWith(blob, range, 'ab');
    expect([answer.status, await answer.text(), answer.headers.get('content-range')]).toEqual([
      status,
      text,
      contentRange,
    ]);
    expect(answer.headers.get('etag')).toBe('"ab"');
  });
});

describe('an address', () => {
  const hash = 'a'.repeat(64);
  it.each([
    [`http://node:8/cdn/a/library/${ID}/blobs/${hash}?grant=x`, { what: 'blob', itemId: ID, hash }],
    [`http://site/tv/library/${ID}/manifest`, { what: 'manifest', itemId: ID }],
    [`http://node:8/library/${ID}/manifest`, undefined],
    [`http://site/tv/api/library/${ID}`, { what: 'item', itemId: ID }],
    [`http://site/tv/library/${ID}/poster?v=1`, { what: 'picture' }],
    [`http://site/tv/library/${ID}/previews/5000?v=1`, { what: 'picture' }],
    ['http://site/tv/api/library?q=x', undefined],
    ['http://site/tv/library', { what: 'page' }],
    [`http://site/tv/library/${ID}`, { what: 'page' }],
    ['http://site/tv/assets/library-1.js', { what: 'file' }],
    ['http://site/tv/theme.js', { what: 'file' }],
    ['http://site/library', undefined],
    ['http://site/tv/view/abc', undefined],
    [`http://site/tv/library/${ID}/download`, undefined],
  ])('%s', (url, wanted) => expect(wantedBy(url, 'http://site/tv')).toEqual(wanted));
});
