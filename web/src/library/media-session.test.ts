// The system's media keys reach the page's latest handlers, and none after release.

import { afterEach, expect, it, vi } from 'vitest';
import { connectMediaKeys, releaseMedia } from './media-session';

afterEach(() => vi.unstubAllGlobals());

it('connects keys, and disconnects every one of them', () => {
  const handlers = new Map<string, unknown>();
  const mediaSession = {
    metadata: {} as unknown,
    playbackState: 'playing',
    setActionHandler: (action: string, handler: unknown) => {
      if (action === 'stop') throw new TypeError('unknown action');
      handlers.set(action, handler);
    },
  };
  vi.stubGlobal('navigator', { mediaSession });
  const none = (): void => undefined;
  connectMediaKeys({ play: none, pause: none, stop: none, skip: none, seek: none, next: none, previous: undefined });
  expect([handlers.get('play'), handlers.get('previoustrack')]).toEqual([expect.any(Function), null]);
  const { size } = handlers;
  releaseMedia();
  expect(handlers.size).toBe(size);
  expect([...handlers.values()].every((handler) => handler === null)).toBe(true);
  expect([mediaSession.metadata, mediaSession.playbackState]).toEqual([null, 'none']);
});
