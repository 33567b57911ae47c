// @vitest-environment happy-dom
// What viewers of an interrupted stream read, and hear.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WatchOverlay } from './overlay';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

it('counts down until an interrupted stream ends, for the eye alone', async () => {
  const overlay = new WatchOverlay();
  overlay.situation = 'interrupted';
  document.body.append(overlay);
  await overlay.updateComplete;
  const seen = (): string | undefined => overlay.renderRoot.querySelector('.shown')?.textContent ?? undefined;
  const heard = (): string | undefined =>
    overlay.renderRoot.querySelector('.visually-hidden')?.textContent ?? undefined;
  expect(seen()).toBe("If they aren't back in 30 s, the stream ends.");
  vi.advanceTimersByTime(12_000);
  await overlay.updateComplete;
  expect(seen()).toBe("If they aren't back in 18 s, the stream ends.");
  expect(heard()).toBe("If they aren't back in 30 s, the stream ends.");
  vi.advanceTimersByTime(60_000);
  await overlay.updateComplete;
  expect(seen()).toBe("If they aren't back in a moment, the stream ends.");

  overlay.situation = 'live';
  overlay.started = true;
  await overlay.updateComplete;
  expect(seen()).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});
