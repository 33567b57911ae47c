// What is used of a <video>: tests bring their own.

/** An element's events without what they carry. */
export type Listen = (type: string, listener: () => void, options: { signal: AbortSignal }) => void;

/** See the head of the file. */
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

/** Hides the video behind its last picture. */
export interface Cover {
  /** Covers the video with what it shows; false if that is nothing. */
  put(): boolean;
  /** Calls `shown` once the cover is on the screen, which may be at once; never if it is taken away before. */
  whenShown(shown: () => void): void;
  /** Uncovers the video, if it is covered. */
  takeAway(): void;
}

/** `HTMLMediaElement.HAVE_CURRENT_DATA` */
export const HAVE_CURRENT_DATA = 2;
/** `HTMLMediaElement.HAVE_FUTURE_DATA` */
export const HAVE_FUTURE_DATA = 3;

/** Tells of each picture that is shown, `displayedAtMs` on the local clock, until `signal` aborts. */
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
