// Tells the system what plays, and lets its media keys, headphones and lock screen control it, where the browser can do that.

import type { Queued } from './queue';

/** What the keys of the system do. */
export interface MediaKeys {
  play(): void;
  pause(): void;
  stop(): void;
  /** By a step of so many seconds, back if negative. */
  skip(seconds: number): void;
  seek(ms: number): void;
  /** Undefined where there is none. */
  next: (() => void) | undefined;
  previous: (() => void) | undefined;
}

/** What is told of what plays. */
export type Shown = Pick<Queued, 'title' | 'artist'> & { album?: string };

/** Where playback is. */
export interface MediaPlace {
  durationMs: number;
  positionMs: number;
  rate: number;
  paused: boolean;
}

const STEP_S = 10;

/** Shows `item`; `pictureUrl` is absolute. */
export function showMedia(item: Shown | undefined, pictureUrl: string | undefined): void {
  const session = mediaSession();
  if (session === undefined) return;
  if (item === undefined) {
    session.metadata = null;
    session.playbackState = 'none';
    return;
  }
  session.metadata = new MediaMetadata({
    title: item.title,
    artist: item.artist ?? '',
    album: item.album ?? '',
    artwork: pictureUrl === undefined ? [] : [{ src: pictureUrl }],
  });
}

/** Connects the keys of the system. */
export function connectMediaKeys(keys: MediaKeys): void {
  const actions: [MediaSessionAction, MediaSessionActionHandler | null][] = [
    ['play', () => keys.play()],
    ['pause', () => keys.pause()],
    ['stop', () => keys.stop()],
    ['seekbackward', ({ seekOffset }) => keys.skip(-(seekOffset ?? STEP_S))],
    ['seekforward', ({ seekOffset }) => keys.skip(seekOffset ?? STEP_S)],
    ['seekto', ({ seekTime }) => keys.seek((seekTime ?? 0) * 1000)],
    ['nexttrack', keys.next ?? null],
    ['previoustrack', keys.previous ?? null],
  ];
  for (const [action, handler] of actions) {
    try {
      mediaSession()?.setActionHandler(action, handler);
    } catch {
      // An action that this browser does not know.
    }
  }
}

/** Tells where playback is. */
export function placeMedia({ durationMs, positionMs, rate, paused }: MediaPlace): void {
  const session = mediaSession();
  if (session === undefined) return;
  session.playbackState = paused ? 'paused' : 'playing';
  if (!(durationMs > 0)) return;
  try {
    const position = Math.min(positionMs, durationMs) / 1000;
    session.setPositionState({ duration: durationMs / 1000, position, playbackRate: rate });
  } catch {
    // An older browser.
  }
}

function mediaSession(): MediaSession | undefined {
  return 'mediaSession' in navigator ? navigator.mediaSession : undefined;
}
