// Songs of a party follow one another without a gap, on the clock of the page's sound; undecodable songs use a media
// element.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeContext, fakeTake } from '../../audio/fake-audio';
import { FakeMedia, FakeNodes, FakeStore, hashOf, manifestOf } from '../../library/fake-library';
import { CallError } from '../../protocol/error';
import type { Item, TakeFormat } from '../../protocol/item';
import type { PartyTimeline } from '../../protocol/party';
import { fakeEntry } from '../fake-party';
import { FakeTimers } from '../fake-timers';
import type { Deck } from './deck';
import type { PartyMedia } from './media';
import { PartyPlayer } from './party-player';
import { SongDeck } from './song-deck';
import { PartySound, type SoundContext } from './sound';

const LATENCY_S = 0.05;

let context: FakeContext;
let decks: { deck: Deck; needsElement: boolean }[];
/** Entries whose decks were closed. */
let closed: string[];
let player: PartyPlayer<PartyMedia>;
let takes: Map<string, TakeFormat>;
/** The server's record of the songs, and whether members may play their stems. */
let record: Partial<Item>;
let mayPlayStems: boolean;
let stemsAsked: string[];
let store: FakeStore;
/** Replaces the response to a media request, if it returns one. */
let disturb: (url: string) => Promise<Response> | undefined;
/** The requested media addresses. */
let asked: string[];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  context = new FakeContext();
  context.outputLatency = LATENCY_S;
  // The context's clock runs with the page's. If it moved in steps, the start of a song would depend on when the page
  // happens to read it.
  Object.defineProperties(context, {
    nowMs: { get: () => Date.now() },
    currentTime: { get: () => Date.now() / 1000 - 900 },
  });
  decks = [];
  closed = [];
  asked = [];
  disturb = () => undefined;
  store = new FakeStore();
  const nodes = new FakeNodes(store);
  takes = new Map([
    ['e1', fakeTake(store, 1, 'one')],
    ['e2', fakeTake(store, 1, 'two')],
  ]);
  takes.set('vocals', fakeTake(store, 1, 'vocals'));
  takes.set('accompaniment', fakeTake(store, 1, 'accompaniment'));
  [record, mayPlayStems, stemsAsked] = [{}, true, []];
  const library = {
    item: () => Promise.resolve(record as Item),
    play: (id: string) => {
      stemsAsked.push(id);
      return mayPlayStems
        ? Promise.resolve({ grant: 'g', expires_in_s: 300, nodes: ['http://a.test'] })
        : Promise.reject(new CallError('unknown_item', id));
    },
  };
  const timers = new FakeTimers();
  const clock = { serverMs: (localMs = Date.now()) => localMs, localMs: (serverMs: number) => serverMs };
  const sound = new PartySound({
    timers,
    now: () => Date.now(),
    timeOriginMs: 0,
    create: () => context as unknown as SoundContext,
    lateMs: 0,
  });
  player = new PartyPlayer<PartyMedia>({
    media: [new FakeMedia() as unknown as PartyMedia, new FakeMedia() as unknown as PartyMedia],
    clock,
    timers,
    now: () => Date.now(),
    trimMs: () => 0,
    changed: () => undefined,
    createDeck: ({ entry, timeline, needsElement, changed }) => {
      const fetch: typeof globalThis.fetch = (input, init) => {
        asked.push(input as string);
        const disturbed = disturb(input as string);
        if (disturbed !== undefined) return disturbed;
        return (input as string).includes('/manifest')
          ? Promise.resolve(
              Response.json(manifestOf([takes.get(mediaOf(input as string, entry.entry_id)) ?? fakeTake(store, 1)])),
            )
          : nodes.fetch(input, init);
      };
      const deck = new SongDeck(
        {
          sound,
          library,
          clock,
          timers,
          trimMs: () => 0,
          playItem: () => Promise.resolve({ grant: 'g', expires_in_s: 300, nodes: ['http://a.test'] }),
          fetch,
          origin: 'http://site.test',
          base: 'http://site.test',
          changed,
        },
        entry,
        timeline,
      );
      const close = deck.close.bind(deck);
      deck.close = () => {
        closed.push(entry.entry_id);
        close();
      };
      decks.push({ deck, needsElement });
      return deck;
    },
  });
});

afterEach(() => {
  player.close();
  vi.useRealTimers();
});

/** Which media an address belongs to: those of a stem, or of the entry. */
function mediaOf(address: string, entryId: string): string {
  return /library\/(vocals|accompaniment)\//.exec(address)?.[1] ?? entryId;
}

const plays = (id: string, atMs: number): PartyTimeline => ({
  entry: fakeEntry(id, { duration_ms: 10_000 }),
  position_ms: 0,
  at_ms: atMs,
  paused: false,
  round: id === 'e1' ? 1 : 2,
});

/** Runs until `untilMs`. Returns what was audible in each step of 10 ms. */
async function run(untilMs: number): Promise<(number | undefined)[]> {
  const heard: (number | undefined)[] = [];
  while (Date.now() < untilMs) {
    await vi.advanceTimersByTimeAsync(10);
    const sounds = context.soundsAt(context.currentTime - LATENCY_S + 0.0005);
    heard.push(sounds.length === 1 ? sounds[0]?.positionS : undefined);
  }
  return heard;
}

it('the next song begins where the previous one ends: no silence, and never both', async () => {
  player.learn(plays('e1', 1_001_000));
  await run(1_001_020);
  const heard = await run(1_008_000);
  expect(heard.filter((positionS) => positionS === undefined)).toEqual([]);
  player.learn(plays('e2', 1_011_000));
  const over = await run(1_013_000);
  expect(over.filter((positionS) => positionS === undefined).length).toBeLessThan(3);
  const off = over.map((positionS = NaN, n) => Math.abs(positionS - ((7 + (n + 1) / 100) % 10)));
  expect(off.filter((ms) => ms > 0.02).length).toBeLessThan(3);
  expect(decks.map(({ deck }) => deck.entry.entry_id)).toEqual(['e1', 'e2']);
});

it('a song that cannot be decoded gets a media element', async () => {
  context.decoder.damaged = 'init';
  player.learn(plays('e1', 1_001_000));
  await run(1_001_500);
  expect(decks.map(({ needsElement }) => needsElement).slice(0, 2)).toEqual([false, true]);
});

it('a song that is paused for long releases the sound card, and starts again later', async () => {
  player.learn({ ...plays('e1', 1_000_000), position_ms: 5_000, paused: true });
  await run(1_000_500);
  expect(context.state).toBe('running');
  for (let minute = 0; minute < 3; minute++) await vi.advanceTimersByTimeAsync(60_000);
  expect(context.state).toBe('suspended');
  const atMs = Date.now() + 400;
  player.learn({ ...plays('e1', atMs), position_ms: 5_000 });
  await run(atMs + 600);
  expect((await run(atMs + 1_000)).every((positionS) => positionS !== undefined)).toBe(true);
});

const STEMS = { stems: { vocals: 'vocals', accompaniment: 'accompaniment' } };

/** The audible sounds, with their volumes. */
function heardNow(): { positionS: number; loudness: number }[] {
  return context.soundsAt(context.currentTime - LATENCY_S + 0.0005);
}

it('the previous song is closed after its end, and the sound card is released once nothing plays', async () => {
  player.learn(plays('e1', 1_001_000));
  await run(1_008_000);
  player.learn(plays('e2', 1_011_000));
  await run(1_012_500);
  expect(closed).toEqual(['e1']);
  player.learn({ position_ms: 0, at_ms: 1_021_000, paused: true, round: 3 });
  await run(1_022_000);
  for (let minute = 0; minute < 3; minute++) await vi.advanceTimersByTimeAsync(60_000);
  expect([closed, context.state]).toEqual([['e1', 'e2'], 'suspended']);
});

it('a song with stems plays unchanged, and requests nothing more, until its vocals are turned down', async () => {
  record = STEMS;
  player.learn(plays('e1', 1_001_000));
  await run(1_003_000);
  expect(player.view.hasVocals).toBe(true);
  expect(stemsAsked).toEqual([]);
  expect(heardNow()).toHaveLength(1);
});

it('turning its vocals down switches to the stems at the same position, without silence', async () => {
  record = STEMS;
  player.learn(plays('e1', 1_001_000));
  await run(1_003_000);
  player.setVocals(0.25);
  const heard: number[] = [];
  while (Date.now() < 1_005_000) {
    await run(Date.now() + 10);
    heard.push(heardNow().length);
  }
  expect(heard).not.toContain(0);
  const sounds = heardNow();
  expect(sounds.map(({ loudness }) => loudness).sort()).toEqual([0.25, 1]);
  for (const { positionS } of sounds) expect(positionS).toBeCloseTo((Date.now() - 1_001_000) / 1000, 1);
  expect(sounds[0]?.positionS).toBe(sounds[1]?.positionS);
  player.setVocals(1);
  await run(1_005_200);
  expect(heardNow().map(({ loudness }) => loudness)).toEqual([1]);
});

it('the vocals setting applies to the next song', async () => {
  record = STEMS;
  player.setVocals(0);
  player.learn(plays('e2', 1_001_000));
  await run(1_004_000);
  expect(stemsAsked.sort()).toEqual(['accompaniment', 'vocals']);
  expect(heardNow().map(({ loudness }) => loudness)).toEqual([1]);
});

it('a member who may not play the stems hears the unchanged song', async () => {
  [record, mayPlayStems] = [STEMS, false];
  player.learn(plays('e1', 1_001_000));
  await run(1_002_000);
  player.setVocals(0.5);
  await run(1_003_000);
  expect(player.view.hasVocals).toBe(false);
  expect(heardNow().map(({ loudness }) => loudness)).toEqual([1]);
});

/** A song of five minutes and its stems. */
function longSong(): PartyTimeline {
  for (const name of ['e1', 'vocals', 'accompaniment']) takes.set(name, fakeTake(store, 30, `long ${name}`));
  record = STEMS;
  return { ...plays('e1', 1_001_000), entry: fakeEntry('e1', { duration_ms: 300_000 }) };
}

const loudness = (): number => heardNow().reduce((sum, sound) => sum + sound.loudness, 0);

it('after a stem fails, the unchanged song continues, and the stem is not requested any more', async () => {
  player.learn(longSong());
  await run(1_003_000);
  player.setVocals(0);
  await run(1_005_000);
  disturb = (url) =>
    url.includes('library/vocals')
      ? Promise.resolve(Response.json({ error: { code: 'unknown_item', message: '' } }, { status: 404 }))
      : undefined;
  const heard: number[] = [];
  while (Date.now() < 1_030_000) {
    await run(Date.now() + 250);
    heard.push(loudness());
  }
  expect(heard.filter((loud) => loud !== 1)).toEqual([]);
  expect([player.view.hasVocals, player.view.phase, player.view.problem]).toEqual([false, 'playing', undefined]);
  const before = asked.filter((url) => url.includes('library/vocals')).length;
  await run(1_050_000);
  expect(loudness()).toBe(1);
  expect(asked.filter((url) => url.includes('library/vocals'))).toHaveLength(before);
});

it('stems that are unreachable for a while are loaded later: the vocals can still be turned down', async () => {
  player.learn(longSong());
  await run(1_002_000);
  disturb = (url) => {
    if (url.includes('library/vocals/manifest')) return Promise.reject(new TypeError('failed to fetch'));
    return undefined;
  };
  player.setVocals(0.25);
  await run(1_006_000);
  expect([player.view.hasVocals, loudness()]).toEqual([true, 1]);
  disturb = () => undefined;
  await run(1_020_000);
  expect([player.view.hasVocals, loudness()]).toEqual([true, 1.25]);
});

it('a song that is skipped while its stems load requests nothing more', async () => {
  player.learn(longSong());
  await run(1_002_000);
  disturb = (url) => {
    if (url.includes('blobs') && /vocals|accompaniment/.test(url))
      return Promise.reject(new TypeError('failed to fetch'));
    return undefined;
  };
  player.setVocals(0);
  await run(1_004_000);
  player.learn({ position_ms: 0, at_ms: 1_004_500, paused: true, round: 3 });
  await run(1_005_000);
  const before = asked.length;
  expect(asked.filter((url) => url.includes('library/vocals/blobs')).length).toBeGreaterThan(1);
  await run(1_040_000);
  expect(asked).toHaveLength(before);
});

it.each([
  [undefined, 1],
  ['init audio/webm', 2],
])('stems use the smallest format; if %s cannot be decoded, another one', async (damaged, formats) => {
  const timeline = longSong();
  for (const name of ['vocals', 'accompaniment']) {
    const small = store.take(`small ${name}`, 'audio/webm; codecs="opus"', 30, { bytes: 100 });
    takes.set(name, { ...fakeTake(store, 30, `long ${name}`), alternatives: [small] } as TakeFormat);
  }
  context.decoder.damaged = damaged;
  player.setVocals(0.25);
  player.learn(timeline);
  await run(1_004_000);
  expect(loudness()).toBe(1.25);
  const inits = asked.filter((url) => ['small', 'long'].some((kind) => url.includes(hashOf(`${kind} vocals-init`))));
  expect(new Set(inits.map((url) => new URL(url).pathname)).size).toBe(formats);
});

it('songs are adjusted to the same loudness', async () => {
  record = { loudness_centi_lufs: -1_000, true_peak_centi_db: 0 };
  player.learn(plays('e1', 1_001_000));
  await run(1_003_000);
  expect(heardNow()[0]?.loudness).toBeCloseTo(0.5, 1);
});
