// A blob arrives complete and once, even if nodes fail.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ItemAccess } from './access';
import { FakeNodes, FakeStore, fakeAccess, settle } from './fake-library';
import { Fetcher, type FetcherSetup } from './fetcher';
import { KEPT_HEADER } from './transfer';

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 251);
let store: FakeStore;
let nodes: FakeNodes;
let access: ItemAccess;

beforeEach(async () => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  access = await fakeAccess();
});

afterEach(() => vi.useRealTimers());

function fetcher(setup: Partial<FetcherSetup> = {}): Fetcher {
  return new Fetcher(access, { fetch: nodes.fetch, ...setup });
}

describe('a blob', () => {
  it('continues at the next node when one dies, and no byte comes twice', async () => {
    const blob = store.put('x', bytes);
    nodes.fates.set('a', [{ dieAfter: 450 }]);
    nodes.fates.set('b', [{ dieAfter: 200 }]);
    expect(await fetcher().open(blob, 'play').bytes()).toEqual(bytes);
    expect(nodes.asked.map(({ node, from }) => [node, from])).toEqual([
      ['a', 0],
      ['b', 450],
      ['c', 650],
    ]);
    expect(nodes.sentBytes).toBe(1000);
  });

  it('is requested first from nodes that did not fail', async () => {
    nodes.dead.add('a');
    const fetch = fetcher();
    await fetch.open(store.put('x', bytes), 'play').bytes();
    await fetch.open(store.put('y', bytes), 'play').bytes();
    expect(nodes.asked.map(({ node }) => node)).toEqual(['a', 'b', 'b']);
  });

  it('leaves a node that is silent', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const blob = store.put('x', bytes);
    nodes.fates.set('a', [{ hangAfter: 300 }]);
    const whole = fetcher({ silentMs: 4_000 }).open(blob, 'play').bytes();
    await settle();
    await vi.advanceTimersByTimeAsync(4_001);
    expect(await whole).toEqual(bytes);
    expect(nodes.asked.at(-1)).toMatchObject({ node: 'b', from: 300 });
  });

  it('continues at a node without range support', async () => {
    const blob = store.put('x', bytes);
    nodes.fates.set('a', [{ dieAfter: 450 }]);
    nodes.simple.add('b');
    expect(await fetcher().open(blob, 'play').bytes()).toEqual(bytes);
  });

  it('is rejected from a node that sends too much', async () => {
    const blob = store.put('x', bytes);
    const whole = fetcher()
      .open({ ...blob, bytes: 900 }, 'play')
      .bytes();
    await expect(whole).rejects.toMatchObject({ code: 'bad_answer' });
  });

  it('is fetched with a fresh grant if the old one is refused everywhere', async () => {
    const blob = store.put('x', bytes);
    for (const node of ['a', 'b', 'c']) nodes.fates.set(node, [{ refuse: { status: 401, code: 'invalid_grant' } }]);
    expect(await fetcher().open(blob, 'play').bytes()).toEqual(bytes);
  });

  it('fails at once if no node can ever have it', async () => {
    const blob = store.put('x', bytes);
    nodes.fates.set('a', [{ refuse: { status: 404, code: 'unknown_item' } }]);
    await expect(fetcher().open(blob, 'play').bytes()).rejects.toMatchObject({ code: 'unknown_item' });
    expect(nodes.asked).toHaveLength(1);
  });

  it('can be read while it arrives', async () => {
    const blob = store.put('x', bytes);
    nodes.fates.set('a', [{ hangAfter: 600 }]);
    const hold = fetcher().open(blob, 'play');
    const first = await hold.read(0);
    expect(first?.byteLength).toBeGreaterThan(0);
    expect(first).toEqual(bytes.slice(0, first?.byteLength));
    hold.close();
  });
});

describe('several clients', () => {
  it('share one transfer, which ends with the last of them', async () => {
    const blob = store.put('x', bytes);
    nodes.fates.set('a', [{ hangAfter: 300 }]);
    const fetch = fetcher();
    const [one, two] = [fetch.open(blob, 'play'), fetch.open(blob, 'download')];
    await settle();
    one.close();
    expect((await two.read(0))?.byteLength).toBe(300);
    two.close();
    await expect(two.read(300)).rejects.toThrow();
    expect(nodes.asked).toHaveLength(1);
  });

  it('get media to play before downloads, with few transfers at once', async () => {
    const fetch = fetcher();
    const hang = Array.from({ length: 4 }, () => ({ hangAfter: 0 }));
    nodes.fates.set('a', hang);
    const running = [0, 1, 2, 3].map((n) => fetch.open(store.put(`r${n}`, bytes), 'download'));
    await settle();
    const late = fetch.open(store.put('late', bytes), 'download');
    const played = fetch.open(store.put('played', bytes), 'play');
    await settle();
    expect(nodes.asked).toHaveLength(5);
    expect(nodes.asked[4]?.hash.startsWith('706c61796564')).toBe(true);
    running[0]?.close();
    await Promise.all([played.bytes(), late.bytes()]);
    expect(nodes.asked).toHaveLength(6);
  });

  it('get a blob for playing at once, whatever it was fetched for before', async () => {
    const fetch = fetcher();
    nodes.fates.set('a', [{ hangAfter: 0 }]);
    fetch.open(store.put('hangs', bytes), 'play');
    const blob = store.put('next', bytes);
    fetch.open(blob, 'ahead');
    await settle();
    expect(nodes.asked).toHaveLength(1);
    expect(await fetch.open(blob, 'play').bytes()).toEqual(bytes);
  });
});

describe('storage', () => {
  it('receives a complete blob, unless the service worker saw it', async () => {
    const kept: string[] = [];
    let watched = true;
    const fetch = fetcher({ keep: ({ hash }) => kept.push(hash), isWatched: () => watched });
    await fetch.open(store.put('seen', bytes), 'play').bytes();
    nodes.fates.set('a', [{ dieAfter: 450 }]);
    const patched = store.put('patched', bytes);
    await fetch.open(patched, 'play').bytes();
    watched = false;
    const unseen = store.put('unseen', bytes);
    await fetch.open(unseen, 'play').bytes();
    for (const node of ['a', 'b', 'c']) nodes.dead.add(node);
    await fetch
      .open(store.put('lost', bytes), 'play')
      .bytes()
      .catch(() => undefined);
    await settle();
    expect(kept).toEqual([patched.hash, unseen.hash]);
  });

  it('receives a blob that was requested before the service worker took over the page', async () => {
    const kept: string[] = [];
    let watched = false;
    const fetch = fetcher({
      keep: ({ hash }) => kept.push(hash),
      isWatched: () => watched,
      fetch: (input, init) => {
        watched = true;
        return nodes.fetch(input, init);
      },
    });
    const blob = store.put('early', bytes);
    await fetch.open(blob, 'play').bytes();
    await settle();
    expect(kept).toEqual([blob.hash]);
  });

  it('costs no network', async () => {
    const blob = store.put('x', bytes);
    const fetch = fetcher({ kept: () => Promise.resolve(bytes) });
    const hold = fetch.open(blob, 'play');
    expect(await hold.bytes()).toEqual(bytes);
    expect([hold.networkBytes, nodes.asked.length]).toEqual([0, 0]);
    const answer = new Response(bytes, { headers: { [KEPT_HEADER]: '1' } });
    const byWorker = fetcher({ fetch: () => Promise.resolve(answer) }).open(blob, 'play');
    await byWorker.bytes();
    expect(byWorker.networkBytes).toBe(0);
  });
});
