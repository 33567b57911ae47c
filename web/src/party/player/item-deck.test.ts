// An entry is retried for as long as that may succeed, and its sound follows the party whatever its media are.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeMedia, FakeNodes, FakeStore, manifestOf } from '../../library/fake-library';
import type { Attach } from '../../library/player/media';
import { CallError, type ErrorCode, type LocalErrorCode } from '../../protocol/error';
import type { Playable } from '../../protocol/item';
import type { PartyTimeline } from '../../protocol/party';
import { Lead } from '../drift';
import { fakeEntry } from '../fake-party';
import { FakeTimers } from '../fake-timers';
import { ItemDeck, type DeckSetup } from './item-deck';
import type { PartyMedia } from './media';

const NODE = 'http://node.test';
const PLAYABLE: Playable = { grant: 'g1', expires_in_s: 300, nodes: [NODE] };

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

/** A deck whose access is refused with `refusals`, one after another, before it is granted. */
function opened(refusals: (tries: number) => ErrorCode | LocalErrorCode | undefined, more: Partial<DeckSetup> = {}) {
  const seen = { asked: 0, fetched: [] as string[] };
  const media = new FakeMedia();
  const entry = fakeEntry('e1');
  const timeline: PartyTimeline = { entry, position_ms: 0, at_ms: 1_000_000, paused: false, round: 1 };
  const deck = new ItemDeck(
    {
      media: media.asMedia as unknown as PartyMedia,
      clock: { serverMs: () => Date.now() },
      timers: new FakeTimers(),
      lead: new Lead(0),
      now: () => Date.now(),
      trimMs: () => 0,
      elementSound: { lateMs: 0, cutMs: 0 },
      begun: () => undefined,
      playItem: () => {
        const code = refusals(++seen.asked);
        return code === undefined ? Promise.resolve(PLAYABLE) : Promise.reject(new CallError(code, code));
      },
      fetch: (input) => {
        seen.fetched.push(new URL(input as string).origin);
        return new Promise(() => undefined);
      },
      attach: media.attach,
      canPlay: () => true,
      changed: () => undefined,
      origin: 'http://site.test',
      base: 'http://site.test/',
      ...more,
    },
    entry,
    timeline,
    0,
  );
  return { deck, seen };
}

describe('access to an entry', () => {
  it.each(['store_unavailable', 'limit_reached', 'internal', 'unreachable', 'timeout', 'no_capacity'] as const)(
    'is requested again after %s',
    async (code) => {
      const { deck, seen } = opened((tries) => (tries < 8 ? code : undefined));
      await vi.advanceTimersByTimeAsync(60_000);
      expect([deck.problem, seen.asked, seen.fetched]).toEqual([undefined, 8, [NODE]]);
      deck.close();
    },
  );

  it.each(['unknown_entry', 'unknown_member'] as const)(
    'is requested again after %s, the answer of a lagging server, but not forever',
    async (code) => {
      const late = opened((tries) => (tries < 4 ? code : undefined));
      const never = opened(() => code);
      await vi.advanceTimersByTimeAsync(60_000);
      expect([late.deck.problem, late.seen.fetched]).toEqual([undefined, [NODE]]);
      expect([never.deck.problem?.code, never.seen.asked < 10]).toEqual([code, true]);
    },
  );

  it.each(['unknown_item', 'unsupported_media', 'not_allowed'] as const)(
    'is not requested again after %s',
    async (code) => {
      const { deck, seen } = opened(() => code);
      await vi.advanceTimersByTimeAsync(60_000);
      expect([deck.problem?.code, seen.asked]).toEqual([code, 1]);
    },
  );

  it('is not requested once the entry is over', async () => {
    const { deck, seen } = opened(() => 'store_unavailable');
    await vi.advanceTimersByTimeAsync(1_000);
    const { asked } = seen;
    deck.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([seen.asked, deck.problem, vi.getTimerCount()]).toEqual([asked, undefined, 0]);
  });
});

it('an element whose source is replaced resumes by itself, and pauses when the party does', async () => {
  const store = new FakeStore();
  const nodes = new FakeNodes(store);
  const first = store.take('one', 'video/webm; codecs="vp9,opus"', 1);
  const second = { ...store.take('two', 'audio/webm; codecs="opus"', 2, { offsetMs: 10_000 }), offset_ms: 10_000 };
  const media = Object.assign(new FakeMedia(), { readyState: 4, ended: false, preservesPitch: true });
  let isSlow = false;
  let release = (): void => undefined;
  const attach: Attach = async (element, signal) => {
    const source = await media.attach(element, signal);
    if (isSlow) await new Promise<void>((resolve) => (release = resolve));
    return source;
  };
  const { deck } = opened(() => undefined, {
    media: media as unknown as PartyMedia,
    attach,
    fetch: (input, init) =>
      (input as string).includes('/manifest')
        ? Promise.resolve(Response.json(manifestOf([first, second])))
        : nodes.fetch(input, init),
  });
  const step = async (): Promise<void> => {
    await vi.advanceTimersByTimeAsync(20);
    deck.step(Date.now(), Date.now());
  };
  for (let at = 0; at < 20; at++) await step();
  media.currentTime = (Date.now() - 1_000_000) / 1000;
  await step();
  expect([media.paused, deck.isPlaying]).toEqual([false, true]);
  isSlow = true;
  // The tracks change, on time.
  vi.setSystemTime(1_010_000);
  media.currentTime = 10;
  media.dispatchEvent(new Event('timeupdate'));
  for (let at = 0; at < 5; at++) await step();
  expect([media.sources.length, media.paused, deck.isRefused]).toEqual([2, true, false]);
  deck.follow({ ...deck.timeline, paused: true, position_ms: 10_000 }, Date.now());
  release();
  for (let at = 0; at < 5; at++) await step();
  expect([media.paused, deck.isRefused]).toEqual([true, false]);
  deck.close();
});
