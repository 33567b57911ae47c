// Shows the current item in the system's media controls, and handles their keys (headphones, lock screen), if the
// browser supports that.

import type { Queued } from './queue';

/** Handlers of the system's media keys. */
export interface MediaKeys {
  play(): void;
  pause(): void;
  stop(): void;
  /** Skips by so many seconds, back if negative. */
  skip(seconds: number): void;
  seek(ms: number): void;
  /** Undefined if there is no next item. */
  next: (() => void) | undefined;
  previous: (() => void) | undefined;
}

/** The displayed fields of the current item. */
export type Shown = Pick<Queued, 'title' | 'artist'> & { album?: string };

/** The playback position. */
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

/** Displays `item`; `pictureUrl` is absolute. */
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

/** Connects the handlers. */
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

/** Clears the display, and disconnects the handlers. */
export function releaseMedia(): void {
  showMedia(undefined, undefined);
  for (const action of ACTIONS) handle(action, null);
}

function handle(action: Action, handler: MediaSessionActionHandler | null): void {
  try {
    mediaSession()?.setActionHandler(action, handler);
  } catch {
    // This browser does not know the action.
  }
}

/** Reports the playback position. */
export function placeMedia({ durationMs, positionMs, rate, paused }: MediaPlace): void {
  const session = mediaSession();
  if (session === undefined) return;
  session.playbackState = paused ? 'paused' : 'playing';
  if (!(durationMs > 0)) return;
  try {
    const position = Math.min(positionMs, durationMs) / 1000;
    session.setPositionState({ duration: durationMs / 1000, position, playbackRate: rate });
  } catch {
    // Older browsers do not support it.
  }
}

function mediaSession(): MediaSession | undefined {
  return 'mediaSession' in navigator ? navigator.mediaSession : undefined;
}
