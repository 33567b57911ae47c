// The parts of a media element, a media source and its buffer that are used; tests pass their own.

import { CallError } from '../../protocol/error';
// Declares the managed media source of iPhones.
import '../../watch/playback/mse/media-source';

/** A media element, or a test's replacement. */
export interface Media extends Pick<
  HTMLMediaElement,
  'currentTime' | 'pause' | 'paused' | 'play' | 'playbackRate' | 'readyState' | 'removeAttribute' | 'seeking' | 'src'
> {
  readonly error: { readonly message: string } | null;
  addEventListener(type: string, listener: () => void, options: { signal: AbortSignal }): void;
  load(): void;
}

/** A SourceBuffer, or a test's replacement. */
export type Buffer = Pick<
  SourceBuffer,
  | 'abort'
  | 'addEventListener'
  | 'appendBuffer'
  | 'buffered'
  | 'changeType'
  | 'mode'
  | 'remove'
  | 'timestampOffset'
  | 'updating'
>;

/** An open media source. */
export interface Source {
  readonly readyState: ReadyState;
  duration: number;
  addSourceBuffer(mime: string): Buffer;
  endOfStream(): void;
}

/** Gives a media element a new media source. Resolves once it is open; rejects when it is aborted before. */
export type Attach = (media: Media, signal: AbortSignal) => Promise<Source>;

/** Uses this browser's own class; iPhones have only the managed kind. */
export const attachSource: Attach = (media, signal) =>
  new Promise((resolve, reject) => {
    const Kind = typeof MediaSource === 'undefined' ? globalThis.ManagedMediaSource : MediaSource;
    if (Kind === undefined) {
      reject(new CallError('unsupported_media', 'this browser has no Media Source Extensions'));
      return;
    }
    if (typeof MediaSource === 'undefined') (media as HTMLMediaElement).disableRemotePlayback = true;
    const source = new Kind();
    const url = URL.createObjectURL(source);
    const revoke = (): void => URL.revokeObjectURL(url);
    const aborted = (): void => {
      revoke();
      reject(new DOMException('another media source came', 'AbortError'));
    };
    signal.addEventListener('abort', aborted, { once: true });
    source.addEventListener(
      'sourceopen',
      () => {
        revoke();
        resolve(source);
      },
      { once: true, signal },
    );
    media.src = url;
  });

/** Whether playback is over, or would be at once: Chromium does not call a paused item `ended` that was sought to its end. */
export function isAtEnd({
  ended,
  currentTime,
  duration,
}: Pick<HTMLMediaElement, 'ended' | 'currentTime' | 'duration'>): boolean {
  return ended || currentTime >= duration;
}
