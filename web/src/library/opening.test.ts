// Opening an item requests everything as early as possible, once, and reports why it cannot be opened.

import { beforeEach, describe, expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import type { Item, ItemId, Playable } from '../protocol/item';
import { FakeNodes, FakeStore, ITEM_ID, manifestOf, settle } from './fake-library';
import { Opening, type OpeningSetup } from './opening';

const ITEM = { item_id: ITEM_ID, title: 'Song' } as Item;
const TAKE = 'audio/webm; codecs="opus"';

let store: FakeStore;
let nodes: FakeNodes;
let grants: (string | undefined)[];
let isPrivate: boolean;

beforeEach(() => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  grants = [];
  isPrivate = false;
});

function open(play: () => Promise<Playable> = allowed): { opening: Opening; hashes: string[] } {
  const take = store.take('s', TAKE, 3);
  store.blobs.set('manifest', new TextEncoder().encode(JSON.stringify(manifestOf([take]))));
  const setup: OpeningSetup = {
    library: {
      play,
      item: (_id: ItemId, grant?: string) => {
        grants.push(grant);
        return isPrivate && grant === undefined
          ? Promise.reject(new CallError('unknown_item', 'private'))
          : Promise.resolve(ITEM);
      },
    },
    kept: { isWatching: false, keep: () => undefined, read: () => Promise.resolve(undefined) },
    canPlay: () => true,
    origin: 'http://site.test',
    base: 'http://site.test',
    fetch: nodes.fetch,
  };
  return {
    opening: new Opening(ITEM_ID, setup),
    hashes: [take.init, take.fragments[0]].map((blob) => blob?.hash ?? ''),
  };
}

function allowed(): Promise<Playable> {
  return Promise.resolve({ grant: 'g', expires_in_s: 21_600, nodes: ['http://a.test'] });
}

const asked = (): string[] => nodes.asked.map(({ hash }) => hash);

describe('an item that is opened', () => {
  it('has its manifest and the beginning of its media fetched in advance, and once', async () => {
    const { opening, hashes } = open();
    await settle();
    expect(asked()).toEqual(['manifest', ...hashes]);
    expect((await opening.manifest()).takes).toHaveLength(1);
    const [, first] = (await opening.manifest()).takes[0]?.fragments.map(({ hash, bytes }) => ({ hash, bytes })) ?? [];
    expect(asked()).toEqual(['manifest', ...hashes, 'manifest']);
    const blob = { hash: hashes[1] ?? '', bytes: first?.bytes ?? 0 };
    await opening.fetcher.open(blob, 'play').bytes();
    expect(asked()).toHaveLength(4);
  });

  it('has its record requested without waiting for the permission', async () => {
    let permit: (playable: Playable) => void = () => undefined;
    const { opening } = open(() => new Promise((resolve) => (permit = resolve)));
    expect(await opening.item).toEqual(ITEM);
    expect(asked()).toEqual([]);
    permit(await allowed());
    await opening.allowed;
    await settle();
    expect(asked()).toHaveLength(3);
  });

  it('that is private is shown to people who were admitted', async () => {
    isPrivate = true;
    const { opening } = open();
    expect(await opening.item).toEqual(ITEM);
    expect(grants).toEqual([undefined, 'g']);
  });

  it('reports why it is refused, and fetches nothing', async () => {
    isPrivate = true;
    const { opening } = open(() => Promise.reject(new CallError('unknown_item', 'private')));
    await expect(opening.allowed).rejects.toMatchObject({ code: 'unknown_item' });
    await expect(opening.item).rejects.toMatchObject({ code: 'unknown_item' });
    await expect(opening.manifest()).rejects.toMatchObject({ code: 'unknown_item' });
    expect(asked()).toEqual([]);
  });

  it('that is no longer wanted is not fetched further', async () => {
    const { opening } = open();
    opening.release();
    await settle();
    expect(asked()).toEqual(['manifest']);
  });
});
