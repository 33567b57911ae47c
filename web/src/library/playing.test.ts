// A played item is stored in the browser completely; a private one only for people who are signed in.

import { beforeEach, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import type { Item } from '../protocol/item';
import { FakeMedia, FakeNodes, FakeStore, ITEM_ID, manifestOf, settle } from './fake-library';
import type { Kept } from './kept/kept';
import { Opening } from './opening';
import { Playing } from './playing';

let log: string[];
/** How often the item was asked for. */
let asked = 0;
/** The answer of the server instead of the item. */
let answer: (() => Promise<Item>) | undefined;
/** Whether neither the server nor a node can be reached, and nothing is stored. */
let isAway = false;

beforeEach(() => ([log, asked, answer, isAway] = [[], 0, undefined, false]));

async function play(
  visibility: Item['visibility'],
  person: string | null | undefined,
  more: Partial<Item> = {},
): Promise<Playing> {
  const store = new FakeStore();
  const take = store.take('s', 'video/webm; codecs="vp9,opus"', 1);
  store.blobs.set('manifest', new TextEncoder().encode(JSON.stringify(manifestOf([take]))));
  const item = {
    item_id: ITEM_ID,
    title: 'Song',
    state: 'ready',
    tracks: [{ kind: 'video' }],
    visibility,
    ...more,
  } as Item;
  const kept = {
    isWatching: true,
    keepItem: (_item: Item, _manifest: unknown, name: string | null) => log.push(`keep for ${name}`),
    forgetItem: () => log.push('forget'),
    among: () => Promise.resolve(new Set<string>()),
  } as unknown as Kept;
  const library = {
    item: () => {
      asked++;
      if (isAway) return Promise.reject(new CallError('unreachable', 'away'));
      return answer?.() ?? Promise.resolve(item);
    },
    waveform: (url: string, grant?: string) => {
      log.push(`wave form ${url} ${grant}`);
      return Promise.resolve({ peak_ms: 100, peaks: [255, 0] });
    },
    play: () =>
      isAway
        ? Promise.reject(new CallError('unreachable', 'away'))
        : Promise.resolve({ grant: 'g', expires_in_s: 21_600, nodes: ['http://a.test'] }),
  };
  const media = new FakeMedia();
  const base = 'http://site.test';
  const nodes = new FakeNodes(store);
  // Nothing is stored at the address of the site.
  const fetch: typeof globalThis.fetch = (input, init) =>
    isAway || (input as string).startsWith(base)
      ? Promise.reject(new TypeError('failed to fetch'))
      : nodes.fetch(input, init);
  const again = (): Opening => new Opening(ITEM_ID, { library, kept, canPlay: () => true, origin: base, base, fetch });
  const playing = new Playing(again(), {
    library,
    kept,
    media: media.asMedia,
    canPlay: () => true,
    base,
    person: () => Promise.resolve(person),
    isHearing: () => false,
    again,
    changed: () => undefined,
    arrived: () => undefined,
    refused: () => undefined,
  });
  // There is no media source outside browsers, so the player fails after the manifest arrived.
  await playing.start();
  await settle();
  return playing;
}

it.each([
  ['public', null, 'keep for null'],
  ['public', undefined, 'keep for null'],
  ['unlisted', 'ann', 'keep for ann'],
  ['private', 'ann', 'keep for ann'],
] as const)('a %s item stays, played by %s', async (visibility, person, what) => {
  (await play(visibility, person)).close();
  expect(log).toEqual([what]);
});

it.each([null, undefined])('nothing of a private item is stored if %s is signed in', async (person) => {
  const playing = await play('private', person);
  expect(log).toEqual([]);
  playing.leave();
  expect(log).toEqual(['forget']);
  playing.close();
  expect(log).toEqual(['forget', 'forget']);
});

it('shows the measured waveform, and reads no media for it', async () => {
  const tracks = [{ kind: 'audio', codec: 'opus' }];
  const playing = await play('public', null, { tracks, waveform_url: '/api/library/x/waveform' });
  expect(log).toContain('wave form /api/library/x/waveform g');
  expect([...(playing.wave?.columns(2, 200) ?? [])]).toEqual([1, 0]);
  playing.close();
});

it('is loaded once, however often it is started', async () => {
  const playing = await play('public', null);
  await playing.start();
  await settle();
  expect(log).toEqual(['keep for null']);
  playing.close();
});

it('shows what the server tells of it, and asks for what that does not say', async () => {
  const playing = await play('private', 'ann', { previews: [{ at_ms: 0, url: '/p' }] });
  const before = asked;
  const { item } = playing;
  if (item === undefined) throw new Error('no item');
  const { previews, ...told } = item;
  playing.heard({ ...told, title: 'Other' });
  expect(playing.item).toEqual({ ...told, title: 'Other', previews });
  expect(asked).toBe(before);
  // Nothing of it differs: it is its stems that have changed.
  playing.heard({ ...told, title: 'Other' });
  playing.heard({ ...told, state: 'failed' });
  expect(asked).toBe(before + 2);
  playing.close();
});

it('tells its owner that it was deleted elsewhere, and others that it is gone', async () => {
  const playing = await play('public', 'ann');
  const { item } = playing;
  if (item === undefined) throw new Error('no item');
  answer = () => Promise.resolve({ ...item, deleted_until_ms: 7 });
  playing.removed();
  await settle();
  expect(playing.item?.deleted_until_ms).toBe(7);
  answer = () => Promise.reject(new CallError('unreachable', 'away'));
  playing.removed();
  await settle();
  expect(playing.problem?.code).not.toBe('unreachable');
  answer = () => Promise.reject(new CallError('unknown_item', 'gone'));
  playing.removed();
  await settle();
  expect(playing.problem?.code).toBe('unknown_item');
  playing.close();
});

it('says that an item is not kept while the server is away, and plays it when the server is back', async () => {
  isAway = true;
  const playing = await play('public', null);
  expect([playing.isNotKept, playing.problem?.code]).toEqual([true, 'unreachable']);
  isAway = false;
  await vi.waitFor(() => expect(playing.item?.title).toBe('Song'), { timeout: 10_000 });
  expect(playing.isNotKept).toBe(false);
  expect(log).toContain('keep for null');
  playing.close();
}, 20_000);
