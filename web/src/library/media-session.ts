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
const ACTIONS = [
  'play',
  'pause',
  'stop',
  'seekbackward',
  'seekforward',
  'seekto',
  'nexttrack',
  'previoustrack',
] as const;
type Action = (typeof ACTIONS)[number];

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
  handle('play', () => keys.play());
  handle('pause', () => keys.pause());
  handle('stop', () => keys.stop());
  handle('seekbackward', ({ seekOffset }) => keys.skip(-(seekOffset ?? STEP_S)));
  handle('seekforward', ({ seekOffset }) => keys.skip(seekOffset ?? STEP_S));
  handle('seekto', ({ seekTime }) => keys.seek((seekTime ?? 0) * 1000));
  handle('nexttrack', keys.next ?? null);
  handle('previoustrack', keys.previous ?? null);
}

/** Takes the item off the system's display, and gives its keys up. */
export function releaseMedia(): void {
  showMedia(undefined, undefined);
  for (const action of ACTIONS) handle(action, null);
}

function handle(action: Action, handler: MediaSessionActionHandler | null): void {
  try {
    mediaSession()?.setActionHandler(action, handler);
  } catch {
    // An action that this browser does not know.
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
