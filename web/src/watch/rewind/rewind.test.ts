// Rewinding a live stream: from near its end to its start and back to the live edge, in a recording and in a node's
// window.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeMedia, FakeNodes, FakeStore, fakeAccess, manifestOf, settle } from '../../library/fake-library';
import type { CallError } from '../../protocol/error';
import type { Manifest, TakeFormat } from '../../protocol/item';
import { Rewind, type Past, type RewindView } from './rewind';
import { WindowManifest, windowAccess } from './window';

const MIME = 'video/webm; codecs="vp9,opus"';

let store: FakeStore;
let media: FakeMedia & { readyState: number };
let views: RewindView[];
let ends: (CallError | undefined)[];
let losses: { behindMs: number; paused: boolean }[];
let rewind: Rewind | undefined;
let nodes: FakeNodes;

beforeEach(() => {
  store = new FakeStore();
  media = Object.assign(new FakeMedia(), { readyState: 4 });
  views = [];
  ends = [];
  losses = [];
});
afterEach(() => rewind?.close());

async function start(manifest: (path: string) => Manifest, backMs: number, pasts?: Past[]): Promise<Rewind> {
  nodes = new FakeNodes(store);
  const answer = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const { pathname } = new URL(input as string);
    return pathname.endsWith('/manifest')
      ? Promise.resolve(Response.json(manifest(pathname)))
      : nodes.fetch(input, init);
  };
  rewind = new Rewind({
    media,
    pasts: pasts ?? [{ access: await fakeAccess() }],
    fetch: answer,
    canPlay: () => true,
    changed: (view) => views.push(view),
    over: (error) => ends.push(error),
    lost: (behindMs, paused) => losses.push({ behindMs, paused }),
    attach: media.attach,
  });
  await rewind.start(backMs);
  for (let turn = 0; turn < 4; turn++) await settle();
  return rewind;
}

it('plays from shortly before the end, back to the start, and returns to the live edge', async () => {
  const take = store.take('r', MIME, 12);
  const rewind = await start(() => manifestOf([take], true), 10_000);
  expect(media.currentTime).toBe(110);
  expect(views.at(-1)).toMatchObject({ positionMs: 110_000, startMs: 0, endMs: 120_000, paused: false });
  rewind.seek(-5);
  expect(media.currentTime).toBe(0);
  rewind.skip(30_000);
  expect(media.currentTime).toBe(30);
  rewind.setPlaying(false);
  expect(views.at(-1)?.paused).toBe(true);
  expect(ends).toEqual([]);
  rewind.seek(119_000);
  expect(ends).toEqual([undefined]);
  expect(media.src).toBe('');
});

it('begins at the start if there is less media than requested', async () => {
  const take = store.take('r', MIME, 2, { offsetMs: 40_000 });
  await start(() => manifestOf([take], true), 60_000);
  expect(media.currentTime).toBe(40);
  expect(views.at(-1)).toMatchObject({ startMs: 40_000, endMs: 60_000 });
});

it('ends if there is nothing to play, or if it cannot be read', async () => {
  await start(() => manifestOf([], true), 10_000);
  expect(ends).toEqual([undefined]);
  ends = [];
  await start(() => ({ item_id: 7 }) as unknown as Manifest, 10_000);
  expect(ends[0]?.code).toBe('bad_answer');
});

/** The window of the node of the fake access. */
async function window(isElsewhere = false): Promise<Past> {
  const access = windowAccess('a'.repeat(32), 'https://a.example', () => '', 'https://example.org/');
  await access.open();
  return { access, window: new WindowManifest(() => isElsewhere) };
}

it('plays the window while the recording has nothing, or cannot be read', async () => {
  const take = store.take('w', MIME, 3);
  for (const recording of [manifestOf([], true), { item_id: 7 } as unknown as Manifest]) {
    const manifest = (path: string): Manifest => (path.includes('/window/') ? manifestOf([take], true) : recording);
    await start(manifest, 10_000, [{ access: await fakeAccess() }, await window()]);
    expect(media.currentTime).toBe(20);
    expect(ends).toEqual([]);
    rewind?.close();
  }
});

it('begins again where the window has moved on', async () => {
  const take = store.take('w', MIME, 6);
  const rewind = await start(() => manifestOf([take], true), 10_000, [await window()]);
  store.blobs.delete(take.fragments[0]?.hash ?? '');
  rewind.setPlaying(false);
  rewind.seek(0);
  await vi.waitFor(() => expect(losses).toEqual([{ behindMs: 60_000, paused: true }]));
  expect(ends).toEqual([]);
});

it('leaves the window of a node that is gone once another one serves the viewer', async () => {
  const take = store.take('w', MIME, 20);
  const elsewhere = await window(true);
  const rewind = await start(() => manifestOf([take], true), 10_000, [elsewhere]);
  expect(losses).toEqual([]);
  nodes.dead.add('a');
  rewind.seek(0);
  await vi.waitFor(() => expect(losses).toEqual([{ behindMs: 200_000, paused: false }]));
});

it('keeps media that has left the window on the time line', () => {
  const window = new WindowManifest(() => false);
  const first = store.take('w', MIME, 3);
  const later: TakeFormat = { ...first, fragments: store.take('w', MIME, 5).fragments.slice(2) };
  const next = store.take('n', 'video/mp4; codecs="avc1.64001f"', 1, { offsetMs: 50_000 });
  window.merged(manifestOf([first], true));
  const { takes, is_growing } = window.merged(manifestOf([later, next], true));
  expect(is_growing).toBe(true);
  expect(takes.map(({ fragments }) => fragments.map(({ start_ms }) => start_ms / 1000))).toEqual([
    [0, 10, 20, 30, 40],
    [50],
  ]);
  expect(window.merged(manifestOf([next], false)).takes).toHaveLength(2);
});

it('asks the node that serves the viewer, with the newest grant', async () => {
  let grant = '';
  const access = windowAccess('a'.repeat(32), '/cdn/a', () => grant, 'https://example.org/');
  await access.open();
  const [place = ''] = access.places;
  expect(place).toBe(`https://example.org/cdn/a/streams/${'a'.repeat(32)}/window`);
  grant = 'g2';
  await access.open();
  expect(access.address(place, 'manifest')).toBe(`${place}/manifest?grant=g2`);
});
