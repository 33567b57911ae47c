// Songs of a party follow one another without a gap, on the clock of the page's sound; what cannot be decoded goes to a media element.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeContext, fakeTake } from '../../audio/fake-audio';
import { FakeMedia, FakeNodes, FakeStore, manifestOf } from '../../library/fake-library';
import type { TakeFormat } from '../../protocol/item';
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
let player: PartyPlayer<PartyMedia>;
let takes: Map<string, TakeFormat>;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  context = new FakeContext();
  context.outputLatency = LATENCY_S;
  decks = [];
  const store = new FakeStore();
  const nodes = new FakeNodes(store);
  takes = new Map([
    ['e1', fakeTake(store, 1, 'one')],
    ['e2', fakeTake(store, 1, 'two')],
  ]);
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
      const fetch: typeof globalThis.fetch = (input, init) =>
        (input as string).includes('/manifest')
          ? Promise.resolve(Response.json(manifestOf([takes.get(entry.entry_id) ?? fakeTake(store, 1)])))
          : nodes.fetch(input, init);
      const deck = new SongDeck(
        {
          sound,
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
      decks.push({ deck, needsElement });
      return deck;
    },
  });
});

afterEach(() => {
  player.close();
  vi.useRealTimers();
});

const plays = (id: string, atMs: number): PartyTimeline => ({
  entry: fakeEntry(id, { duration_ms: 10_000 }),
  position_ms: 0,
  at_ms: atMs,
  paused: false,
  round: id === 'e1' ? 1 : 2,
});

/** Runs to `untilMs`; gives what was heard in each step of 10 ms. */
async function run(untilMs: number): Promise<(number | undefined)[]> {
  const heard: (number | undefined)[] = [];
  while (Date.now() < untilMs) {
    await vi.advanceTimersByTimeAsync(10);
    context.nowMs = Date.now();
    context.currentTime = context.nowMs / 1000 - 900;
    const sounds = context.soundsAt(context.currentTime - LATENCY_S + 0.0005);
    heard.push(sounds.length === 1 ? sounds[0]?.positionS : undefined);
  }
  return heard;
}

it('the next song begins where the one before ends: no silence, and never both', async () => {
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

it('a song that the party paused long ago leaves the sound card alone, and begins again', async () => {
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
