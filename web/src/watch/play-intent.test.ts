// A pause by the person lasts; a pause by the browser does not.

import { expect, it } from 'vitest';
import { PlayIntent } from './play-intent';

it('wants to play from the start until the person pauses', () => {
  const intent = new PlayIntent();
  expect(intent.plays).toBe(true);
  intent.asked(false);
  intent.paused(false, 1_000);
  expect(intent.plays).toBe(false);
  intent.woke(70_000);
  intent.paused(true, 70_001);
  expect(intent.plays).toBe(false);
  intent.asked(true);
  expect(intent.plays).toBe(true);
});

it.each([
  ['while the page is hidden', true, 60_000],
  ['just after the page ran again', false, 61_500],
])('does not take the pause of a browser for the person’s: %s', (_, hidden, atMs) => {
  const intent = new PlayIntent();
  intent.woke(60_000);
  intent.paused(hidden, atMs);
  expect(intent.plays).toBe(true);
});

it('treats a pause or start in a visible page as the person’s', () => {
  const intent = new PlayIntent();
  intent.woke(60_000);
  intent.paused(false, 65_000);
  expect(intent.plays).toBe(false);
  intent.played();
  expect(intent.plays).toBe(true);
});
