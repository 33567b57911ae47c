// A page is not redrawn many times a second only because of the member's sync error.

import { expect, it } from 'vitest';
import { Redraw } from './redraw';
import type { PlaybackView } from './session';

const view: PlaybackView = {
  phase: 'playing',
  entryId: 'e1',
  isLive: false,
  errorMs: 0,
  problem: undefined,
  wave: undefined,
  hasVocals: false,
};

it('shows the error twice a second, and other changes at once', () => {
  const redraw = new Redraw();
  let shown = view;
  let drawn = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 40) {
    const after = { ...view, errorMs: nowMs };
    if (!redraw.isDue(shown, after, nowMs)) continue;
    shown = after;
    drawn++;
  }
  expect(drawn).toBeGreaterThan(15);
  expect(drawn).toBeLessThanOrEqual(20);
  expect(redraw.isDue(shown, { ...shown, phase: 'paused' }, 10_000)).toBe(true);
  expect(redraw.isDue(shown, { ...shown, entryId: 'e2' }, 10_001)).toBe(true);
  expect(redraw.isDue(shown, { ...shown, errorMs: (shown.errorMs ?? 0) + 0.2 }, 20_000)).toBe(false);
});
