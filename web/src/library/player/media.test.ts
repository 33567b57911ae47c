// An item that is at its end begins anew when it is played.

import { expect, it } from 'vitest';
import { isAtEnd } from './media';

it.each([
  ['played to its end', { ended: true, currentTime: 44.9, duration: 45 }, true],
  ['sought to its end while it was paused', { ended: false, currentTime: 45, duration: 45 }, true],
  ['before its end', { ended: false, currentTime: 44.9, duration: 45 }, false],
  ['growing', { ended: false, currentTime: 45, duration: Infinity }, false],
  ['not loaded', { ended: false, currentTime: 0, duration: NaN }, false],
])('%s', (_name, media, atEnd) => {
  expect(isAtEnd(media)).toBe(atEnd);
});
