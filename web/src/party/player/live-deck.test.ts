// @vitest-environment happy-dom
// A live stream in a party follows the party, even after the person's press.

import { beforeEach, expect, it, vi } from 'vitest';
import type { PartyTimeline } from '../../protocol/party';
import type { ViewingOwner } from '../../watch/viewing';
import { fakeEntry } from '../fake-party';
import { LiveDeck, type LiveSetup } from './live-deck';

const viewing = vi.hoisted(() => ({ owner: undefined as ViewingOwner | undefined, asked: [] as boolean[] }));

vi.mock('../../watch/viewing', () => ({
  Viewing: class {
    constructor(_: unknown, owner: ViewingOwner) {
      viewing.owner = owner;
    }
    open = (): void => undefined;
    close = (): void => undefined;
    setVolume = (): void => undefined;
    setPlaying = (plays: boolean): void => void viewing.asked.push(plays);
  },
}));

beforeEach(() => {
  viewing.asked = [];
});

function opened(timeline: PartyTimeline): LiveDeck {
  const setup = {
    media: { muted: false, volume: 1 },
    live: { form: 'frames', create: () => () => undefined },
    changed: () => undefined,
  } as unknown as LiveSetup;
  return new LiveDeck(setup, fakeEntry('e1', { stream_id: 'a'.repeat(32) }), timeline);
}

const timeline = { position_ms: 3_000, at_ms: 0, paused: false, round: 1 };

it.each([false, true])('plays after a press unless the party is paused: %s', (paused) => {
  const deck = opened(timeline);
  viewing.owner?.show({ silenced: true });
  expect(deck.isRefused).toBe(true);
  deck.follow({ ...timeline, paused });
  deck.unlock();
  expect([viewing.asked.at(-1), deck.isRefused]).toEqual([!paused, false]);
  deck.close();
});
