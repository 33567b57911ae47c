// An item plays from any time to its end, with bounded buffering, whatever its takes are and whatever is damaged.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Manifest, TakeFormat } from '../../protocol/item';
import { FakeMedia, FakeNodes, FakeStore, fakeAccess, manifestOf, settle } from '../fake-library';
import { Fetcher } from '../fetcher';
import { ItemPlayer, type PlayerState } from './item-player';

const OPUS = 'audio/webm; codecs="opus"';
const VP9 = 'video/webm; codecs="vp9,opus"';
const MP3 = 'audio/mpeg';
const MP3_IN_MP4 = 'audio/mp4; codecs="mp3"';

let store: FakeStore;
let nodes: FakeNodes;
let media: FakeMedia;
let states: PlayerState[];

beforeEach(() => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  media = new FakeMedia();
  states = [];
});

interface Options {
  canPlay?: (mime: string) => boolean;
  aheadMs?: number;
  startMs?: number;
}

async function open(manifest: () => Manifest, { canPlay = () => true, aheadMs, startMs }: Options = {}) {
  const player = new ItemPlayer({
    media: media.asMedia,
    fetcher: new Fetcher(await fakeAccess(), { fetch: nodes.fetch }),
    manifest: () => Promise.resolve(manifest()),
    canPlay,
    changed: (state) => states.push(state),
    attach: media.attach,
    growthMs: 5,
    ...(aheadMs === undefined ? {} : { aheadMs }),
  });
  player.play();
  player.open(startMs);
  await settle();
  await settle();
  return player;
}

async function opened(takes: (TakeFormat & { offset_ms?: number })[], options?: Options) {
  return await open(() => manifestOf(takes), options);
}

/** Indexes of the requested fragments; each fragment lasts 10 s. */
function fetched(take: TakeFormat): number[] {
  const places = nodes.asked.map(({ hash }) => take.fragments.findIndex((fragment) => fragment.hash === hash));
  return places.filter((place) => place >= 0);
}

describe('a song', () => {
  it('plays to its end, each fragment fetched once, none far ahead', async () => {
    const take = store.take('s', OPUS, 12);
    await opened([take], { aheadMs: 20_000 });
    expect(media.paused).toBe(false);
    expect(media.source?.duration).toBe(120);
    expect(Math.max(...fetched(take))).toBeLessThanOrEqual(4);
    await media.playTo(120);
    expect(fetched(take)).toEqual(take.fragments.map((_, place) => place));
    expect(media.source?.ended).toBe(1);
    expect(media.buffer.aborts).toBe(1);
  });

  it('is fetched only from the target of a seek', async () => {
    const take = store.take('s', OPUS, 100);
    const player = await opened([take], { aheadMs: 0 });
    nodes.asked.length = 0;
    player.seek(905_000);
    media.dispatchEvent(new Event('seeking'));
    await settle();
    expect(fetched(take)[0]).toBe(90);
    expect(fetched(take).length).toBeLessThanOrEqual(3);
    expect(media.buffer.buffered.end(media.buffer.buffered.length - 1)).toBe(910);
    nodes.asked.length = 0;
    player.seek(5_000);
    await settle();
    expect(fetched(take)).not.toContain(0);
  });

  it('opens its media source while the manifest loads', async () => {
    const take = store.take('s', OPUS, 2);
    let tell: (manifest: Manifest) => void = () => undefined;
    const player = new ItemPlayer({
      media: media.asMedia,
      fetcher: new Fetcher(await fakeAccess(), { fetch: nodes.fetch }),
      manifest: () => new Promise((resolve) => (tell = resolve)),
      canPlay: () => true,
      changed: (state) => states.push(state),
      attach: media.attach,
    });
    player.open();
    expect(media.sources).toHaveLength(1);
    tell(manifestOf([take]));
    await settle();
    await settle();
    expect([media.sources.length, media.buffer.buffered.length]).toEqual([1, 1]);
  });

  it('is fetched further once its beginning is decoded', async () => {
    const take = store.take('s', OPUS, 10);
    media.readyState = 1;
    await opened([take]);
    expect(fetched(take)).toEqual([0]);
    expect(media.buffer.buffered.end(0)).toBe(10);
    media.readyState = 4;
    media.dispatchEvent(new Event('loadeddata'));
    await settle();
    expect(fetched(take).slice(0, 3)).toEqual([0, 1, 2]);
  });

  it('is fetched further if its beginning is too short to be decoded', async () => {
    const take = store.take('s', OPUS, 2);
    media.readyState = 1;
    await opened([take]);
    await expect.poll(() => media.buffer.buffered.end(0), { timeout: 3_000 }).toBe(20);
  });

  it('is fetched from the target of a seek before its beginning is decoded', async () => {
    const take = store.take('s', OPUS, 100);
    media.readyState = 1;
    const player = await opened([take], { aheadMs: 0 });
    player.seek(905_000);
    media.dispatchEvent(new Event('seeking'));
    await settle();
    expect(fetched(take)).toEqual([0, 90]);
  });

  it('begins at the given time', async () => {
    const take = store.take('s', OPUS, 10);
    await opened([take], { startMs: 55_000, aheadMs: 0 });
    expect(media.currentTime).toBe(55);
    expect(fetched(take)[0]).toBe(5);
  });

  it('never waits when a node dies during playback', async () => {
    const take = store.take('s', OPUS, 10);
    await opened([take], { aheadMs: 20_000 });
    nodes.fates.set('a', [{ dieAfter: 500 }]);
    await media.playTo(100);
    expect(states.map(({ phase }) => phase)).not.toContain('waiting');
    expect(nodes.sentBytes).toBe([...store.blobs.values()].reduce((sum, { byteLength }) => sum + byteLength, 0));
  });

  it('continues after all nodes were unreachable', async () => {
    const take = store.take('s', OPUS, 3);
    for (const node of ['a', 'b', 'c']) nodes.dead.add(node);
    await opened([take]);
    expect(states.at(-1)).toMatchObject({ phase: 'waiting', error: { code: 'bad_answer' } });
    nodes.dead.clear();
    await expect.poll(() => media.buffer.buffered.length, { timeout: 3_000 }).toBe(1);
    expect(states.at(-1)?.phase).toBe('playing');
  });

  it('fails with the reason if it was deleted', async () => {
    const take = store.take('s', OPUS, 3);
    const gone = { refuse: { status: 404, code: 'unknown_item' } };
    nodes.fates.set('a', [gone, gone, gone]);
    await opened([take]);
    expect(states.at(-1)).toMatchObject({ phase: 'failed', error: { code: 'unknown_item' } });
  });

  it('releases everything when it is closed', async () => {
    const player = await opened([store.take('s', OPUS, 30)], { aheadMs: 0 });
    player.close();
    const asked = nodes.asked.length;
    media.currentTime = 200;
    media.dispatchEvent(new Event('seeking'));
    await settle();
    expect([nodes.asked.length, media.src]).toEqual([asked, '']);
  });

  it('reports that the browser requires a press first', async () => {
    media.refusesToPlay = true;
    let refused = 0;
    const take = store.take('s', OPUS, 2);
    const player = new ItemPlayer({
      media: media.asMedia,
      fetcher: new Fetcher(await fakeAccess(), { fetch: nodes.fetch }),
      manifest: () => Promise.resolve(manifestOf([take])),
      canPlay: () => true,
      changed: () => undefined,
      refused: () => refused++,
      attach: media.attach,
    });
    player.play();
    player.open();
    await settle();
    expect(refused).toBe(1);
  });
});

describe('formats', () => {
  it('are those that the browser plays', async () => {
    const bare = {
      ...store.take('bare', MP3, 4, { hasInit: false }),
      alternatives: [store.take('boxed', MP3_IN_MP4, 4)],
    };
    await opened([bare], { canPlay: (mime) => mime !== MP3 });
    expect(media.buffer.types).toEqual([MP3_IN_MP4, `init ${MP3_IN_MP4}`]);
    media = new FakeMedia();
    await opened([bare], { canPlay: (mime) => mime === MP3 });
    expect(media.buffer.types).toEqual([MP3]);
  });

  it('without timestamps are placed end to end, and at the target of a seek', async () => {
    const take = store.take('s', MP3, 30, { hasInit: false });
    const player = await opened([take], { aheadMs: 0 });
    player.seek(205_000);
    media.dispatchEvent(new Event('seeking'));
    await settle();
    expect(media.buffer.timestampOffset).toBe(200);
    await media.playTo(225);
    expect(media.buffer.stretches.map(({ start }) => start)).toEqual([0, 200, 210, 220]);
  });

  it('that the browser does not play cause a failure', async () => {
    await opened([store.take('s', OPUS, 2)], { canPlay: () => false });
    expect(states.at(-1)).toMatchObject({ phase: 'failed', error: { code: 'unsupported_media' } });
  });
});

describe('takes', () => {
  it('play one after another in one buffer', async () => {
    const first = store.take('one', VP9, 2);
    const second = {
      ...store.take('two', 'video/mp4; codecs="avc1.42E01E,opus"', 2, { offsetMs: 20_000 }),
      offset_ms: 20_000,
    };
    await opened([first, second]);
    await media.playTo(40);
    expect(media.sources).toHaveLength(1);
    expect(media.buffer.types).toEqual([VP9, `init ${VP9}`, second.mime, `init ${second.mime}`]);
    expect(media.buffer.buffered.length).toBe(1);
  });

  it('with other kinds of tracks continue in a new media source', async () => {
    const first = store.take('one', VP9, 2);
    const second = { ...store.take('two', OPUS, 2, { offsetMs: 20_000 }), offset_ms: 20_000 };
    const player = await opened([first, second]);
    await media.playTo(20);
    expect(media.sources).toHaveLength(2);
    await media.playTo(40);
    expect(media.paused).toBe(false);
    player.seek(5_000);
    await settle();
    expect(media.sources).toHaveLength(3);
    expect([media.currentTime, media.buffer.types[0]]).toEqual([5, VP9]);
  });

  it('that the browser does not play are skipped', async () => {
    const first = store.take('one', OPUS, 1);
    const second = { ...store.take('two', 'audio/x', 2, { offsetMs: 10_000 }), offset_ms: 10_000 };
    const third = { ...store.take('three', OPUS, 1, { offsetMs: 30_000 }), offset_ms: 30_000 };
    await opened([first, second, third], { canPlay: (mime) => mime !== 'audio/x' });
    await media.playTo(40);
    expect(fetched(second)).toEqual([]);
  });
});

describe('memory', () => {
  it('holds a bounded part of a long item', async () => {
    const take = store.take('s', OPUS, 60, { bytes: 1024 * 1024 });
    await opened([take]);
    let most = 0;
    for (let s = 10; s <= 600; s += 10) {
      await media.playTo(s);
      most = Math.max(most, media.buffer.bytes);
    }
    expect(most).toBeLessThan(10 * 1024 * 1024);
    expect(fetched(take)).toHaveLength(60);
  });

  it('adapts to the browser’s buffer', async () => {
    const take = store.take('s', OPUS, 20, { bytes: 600_000 });
    await opened([take], { aheadMs: 0 });
    media.buffer.room = 2_000_000;
    await media.playTo(200);
    expect(fetched(take)).toHaveLength(20);
  });
});

describe('an item that grows', () => {
  it('continues with new media, and ends when it is complete', async () => {
    const take = store.take('s', OPUS, 4);
    let count = 1;
    const player = await open(() => manifestOf([{ ...take, fragments: take.fragments.slice(0, count) }], count < 4));
    await media.playTo(10);
    expect(media.source?.ended).toBe(0);
    expect(player.state).toMatchObject({ isGrowing: true, durationMs: 10_000 });
    count = 4;
    await expect.poll(() => player.state.durationMs).toBe(40_000);
    await settle();
    await media.playTo(40);
    expect(media.source).toMatchObject({ ended: 1, duration: 40 });
  });
});

describe('damaged media', () => {
  it('is skipped', async () => {
    const take = store.take('s', OPUS, 4);
    media.damaged.push('10000,');
    await opened([take]);
    await media.playTo(9.9);
    await media.playTo(40);
    expect(states.map(({ phase }) => phase)).not.toContain('failed');
  });

  it('is not assumed on a device without sound output', async () => {
    await opened([store.take('s', OPUS, 4)]);
    media.error = { message: 'NS_ERROR_DOM_MEDIA_MEDIASINK_ERR (0x806e000b): OnMediaSinkAudioError' };
    media.dispatchEvent(new Event('error'));
    await settle();
    expect(states.at(-1)).toMatchObject({ phase: 'failed', error: { code: 'unsupported_media', reason: 'no_sound' } });
    expect([media.currentTime, media.sources.length]).toEqual([0, 1]);
  });

  it('throughout causes a failure', async () => {
    media.damaged.push('0,', '10000,');
    await opened([store.take('s', OPUS, 2)]);
    await settle();
    expect(states.at(-1)).toMatchObject({ phase: 'failed', error: { code: 'malformed_media' } });
  });
});
