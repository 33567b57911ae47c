// Single clicks, double clicks, and slow double clicks.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PictureClicks } from './picture-clicks';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function picture() {
  const did: string[] = [];
  const clicks = new PictureClicks({ playPause: () => did.push('play/pause'), fullScreen: () => did.push('full') });
  return { clicks, did };
}

it('pauses after a single click', () => {
  const { clicks, did } = picture();
  clicks.clicked(1);
  expect(did).toEqual([]);
  vi.advanceTimersByTime(300);
  expect(did).toEqual(['play/pause']);
  clicks.clicked(1);
  vi.advanceTimersByTime(300);
  expect(did).toEqual(['play/pause', 'play/pause']);
});

it('enters full screen after a double click, and never pauses', () => {
  const { clicks, did } = picture();
  clicks.clicked(1);
  vi.advanceTimersByTime(100);
  clicks.clicked(2);
  clicks.doubleClicked();
  vi.advanceTimersByTime(1_000);
  expect(did).toEqual(['full']);
});

it('undoes the first of two slow clicks', () => {
  const { clicks, did } = picture();
  clicks.clicked(1);
  vi.advanceTimersByTime(400);
  clicks.clicked(2);
  clicks.doubleClicked();
  vi.advanceTimersByTime(1_000);
  expect(did).toEqual(['play/pause', 'play/pause', 'full']);
});

it('does nothing once forgotten', () => {
  const { clicks, did } = picture();
  clicks.clicked(1);
  clicks.forget();
  vi.advanceTimersByTime(1_000);
  expect(did).toEqual([]);
});
