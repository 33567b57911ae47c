// An entry is opened for as long as that may still succeed: who is refused for a moment hears the rest of the song.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeMedia } from '../../library/fake-library';
import { CallError, type ErrorCode, type LocalErrorCode } from '../../protocol/error';
import type { Playable } from '../../protocol/item';
import type { PartyTimeline } from '../../protocol/party';
import { Lead } from '../drift';
import { fakeEntry } from '../fake-party';
import { FakeTimers } from '../fake-timers';
import { ItemDeck } from './item-deck';
import type { PartyMedia } from './media';

const NODE = 'http://node.test';
const PLAYABLE: Playable = { grant: 'g1', expires_in_s: 300, nodes: [NODE] };

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

/** A deck whose right to read is refused with `refusals`, one after another, before it is given. */
function opened(refusals: (tries: number) => ErrorCode | LocalErrorCode | undefined) {
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
    },
    entry,
    timeline,
    0,
  );
  return { deck, seen };
}

describe('the right to read an entry', () => {
  it.each(['store_unavailable', 'limit_reached', 'internal', 'unreachable', 'timeout', 'no_capacity'] as const)(
    'is asked for again after %s',
    async (code) => {
      const { deck, seen } = opened((tries) => (tries < 8 ? code : undefined));
      await vi.advanceTimersByTimeAsync(60_000);
      expect([deck.problem, seen.asked, seen.fetched]).toEqual([undefined, 8, [NODE]]);
      deck.close();
    },
  );

  it.each(['unknown_entry', 'unknown_member'] as const)(
    'is asked for again after %s, which a server says that is behind, but not for ever',
    async (code) => {
      const late = opened((tries) => (tries < 4 ? code : undefined));
      const never = opened(() => code);
      await vi.advanceTimersByTimeAsync(60_000);
      expect([late.deck.problem, late.seen.fetched]).toEqual([undefined, [NODE]]);
      expect([never.deck.problem?.code, never.seen.asked < 10]).toEqual([code, true]);
    },
  );

  it.each(['unknown_item', 'unsupported_media', 'not_allowed'] as const)(
    'is not asked for again after %s',
    async (code) => {
      const { deck, seen } = opened(() => code);
      await vi.advanceTimersByTimeAsync(60_000);
      expect([deck.problem?.code, seen.asked]).toEqual([code, 1]);
    },
  );

  it('is not asked for once the entry is over', async () => {
    const { deck, seen } = opened(() => 'store_unavailable');
    await vi.advanceTimersByTimeAsync(1_000);
    const { asked } = seen;
    deck.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([seen.asked, deck.problem, vi.getTimerCount()]).toEqual([asked, undefined, 0]);
  });
});
