// A download fetches only the missing fragments; its file is the init segment and all fragments in order.

import { beforeEach, expect, it } from 'vitest';
import type { TakeFormat } from '../protocol/item';
import { canAssemble, download, downloadBytes, extensionOf, fileName, type DownloadProgress } from './download';
import { FakeNodes, FakeStore, fakeAccess, manifestOf } from './fake-library';
import { Fetcher } from './fetcher';

let store: FakeStore;
let nodes: FakeNodes;
let progress: DownloadProgress[];

beforeEach(() => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  progress = [];
});

async function fetched(
  take: TakeFormat,
  kept: readonly string[],
  signal = new AbortController().signal,
): Promise<Blob> {
  const local = (hash: string) => Promise.resolve(kept.includes(hash) ? store.blobs.get(hash) : undefined);
  const fetcher = new Fetcher(await fakeAccess(), { fetch: nodes.fetch, kept: local });
  const among = (hashes: readonly string[]) => Promise.resolve(new Set(hashes.filter((hash) => kept.includes(hash))));
  return await download(manifestOf([take]), { fetcher, among, progress: (now) => progress.push(now), signal });
}

it('has the bytes of all fragments in order, and fetches only those that are not stored', async () => {
  const take = store.take('s', 'audio/webm; codecs="opus"', 6);
  const kept = take.fragments.slice(1, 4).map(({ hash }) => hash);
  const file = await fetched(take, kept);
  const all = [take.init?.hash ?? '', ...take.fragments.map(({ hash }) => hash)].map(
    (hash) => store.blobs.get(hash) ?? '',
  );
  expect(await file.text()).toBe(await new Blob(all).text());
  expect(file.type).toBe('audio/webm');
  expect(nodes.asked.map(({ hash }) => hash)).not.toContain(kept[0]);
  const last = progress.at(-1);
  expect(progress[0]).toMatchObject({ keptBytes: 3000, fetchedBytes: 0 });
  expect(last && last.keptBytes + last.fetchedBytes).toBe(last?.totalBytes);
  expect(last?.fetchedBytes).toBe(nodes.sentBytes);
});

it('is in the format of which most is stored, and else a plain MP3', async () => {
  const boxed = store.take('boxed', 'audio/mp4; codecs="mp3"', 4);
  const bare = store.take('bare', 'audio/mpeg', 4, { hasInit: false });
  for (const [first, second] of [
    [boxed, bare],
    [bare, boxed],
  ] as const) {
    const take = { ...first, alternatives: [second] };
    expect((await fetched(take, [])).type).toBe('audio/mpeg');
    expect((await fetched(take, [boxed.fragments[2]?.hash ?? ''])).type).toBe('audio/mp4');
  }
});

it('is as large as one of the formats', async () => {
  const boxed = store.take('boxed', 'audio/mp4; codecs="mp3"', 4);
  const bare = store.take('bare', 'audio/mpeg', 4, { hasInit: false });
  const take = { ...boxed, alternatives: [bare] };
  expect(downloadBytes(manifestOf([take]))).toBe((await fetched(take, [])).size);
  expect(downloadBytes(manifestOf([boxed, take]))).toBe(
    (await fetched(boxed, [])).size + (await fetched(bare, [])).size,
  );
});

it('ends when it is cancelled', async () => {
  const cancel = new AbortController();
  const take = store.take('s', 'audio/mpeg', 50);
  const file = fetched(take, [], cancel.signal);
  cancel.abort();
  await expect(file).rejects.toThrow();
  expect(nodes.asked.length).toBeLessThan(10);
});

it('is left to the server if takes would have to be joined', () => {
  const take = store.take('s', 'audio/mpeg', 1);
  expect([canAssemble(manifestOf([take])), canAssemble(manifestOf([take, take]))]).toEqual([true, false]);
  expect(canAssemble(manifestOf([take], true))).toBe(false);
});

it.each([
  ['A / B: "live"', 'audio/mpeg', 'A B live.mp3'],
  ['..', 'video/webm', 'item.webm'],
  ['Füße 🎵', 'audio/mp4', 'Füße 🎵.m4a'],
])('%s of %s is called %s', (title, type, name) => expect(fileName(title, extensionOf(type))).toBe(name));
