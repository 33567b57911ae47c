// The part of a <video> that is used; tests pass their own.

/** `addEventListener`, with listeners that ignore the event. */
export type Listen = (type: string, listener: () => void, options: { signal: AbortSignal }) => void;

/** A <video>, or a test's replacement. */
export interface Video extends Pick<
  HTMLVideoElement,
  | 'currentTime'
  | 'disableRemotePlayback'
  | 'getVideoPlaybackQuality'
  | 'muted'
  | 'pause'
  | 'paused'
  | 'play'
  | 'playbackRate'
  | 'readyState'
  | 'removeAttribute'
  | 'seeking'
  | 'src'
  | 'videoHeight'
  | 'videoWidth'
  | 'volume'
> {
  readonly error: { readonly message: string } | null;
  /** Missing in older browsers. */
  requestVideoFrameCallback?: HTMLVideoElement['requestVideoFrameCallback'];
  addEventListener: Listen;
  load(): void;
}

/** Covers the video with a copy of its last picture. */
export interface Cover {
  /** Covers the video with its current picture; false if it has none. */
  put(): boolean;
  /** Calls `shown` once the cover is on screen, possibly at once; never if it is removed before. */
  whenShown(shown: () => void): void;
  /** Removes the cover, if there is one. */
  takeAway(): void;
}

/** `HTMLMediaElement.HAVE_CURRENT_DATA` */
export const HAVE_CURRENT_DATA = 2;
/** `HTMLMediaElement.HAVE_FUTURE_DATA` */
export const HAVE_FUTURE_DATA = 3;

/** Calls back for each picture shown, with `displayedAtMs` on the local clock, until `signal` aborts. */
export function watchPictures(
  video: Video,
  signal: AbortSignal,
  shown: (displayedAtMs: number, mediaMs: number) => void,
): void {
  video.requestVideoFrameCallback?.((_now, { expectedDisplayTime, mediaTime }) => {
    if (signal.aborted) return;
    shown(performance.timeOrigin + expectedDisplayTime, mediaTime * 1000);
    watchPictures(video, signal, shown);
  });
}
