// Finds the Media Source Extensions of this browser, and connects a source to a <video>. iPhones have only the managed
// kind, which requires that remote playback is disabled; otherwise it is used like the ordinary one.

import type { Video } from './video';

declare global {
  var ManagedMediaSource: typeof MediaSource | undefined;
}

function sourceClass(): typeof MediaSource | undefined {
  return typeof MediaSource === 'undefined' ? globalThis.ManagedMediaSource : MediaSource;
}

/** Whether a <video> can play streams in this browser at all. */
export function canPlayStreams(): boolean {
  return sourceClass() !== undefined;
}

/** Whether a <video> can play a stream of this type in this browser. */
export function canPlayType(mime: string): boolean {
  return sourceClass()?.isTypeSupported(mime) ?? false;
}

/** The part of a media source that is used. */
export type OpenSource = Pick<MediaSource, 'addSourceBuffer'>;

/** Callbacks of an attached media source. */
export interface SourceOwner {
  /** The source is open: buffers can be added. */
  opened(source: OpenSource): void;
  /** The browser closed or ended the source, which the page never requests: it is unusable. */
  lost(reason: string): void;
}

/** Gives a video a new media source. The returned function detaches from it and frees it. */
export type AttachSource = (video: Video, owner: SourceOwner) => () => void;

/**
 * Attaches a source with this browser's own class.
 *
 * @throws Error if {@link canPlayStreams} is false.
 */
export const attachSource: AttachSource = (video, owner) => {
  const Source = sourceClass();
  if (Source === undefined) throw new Error('this browser has no Media Source Extensions');
  if (typeof MediaSource === 'undefined') video.disableRemotePlayback = true;
  const source = new Source();
  const url = URL.createObjectURL(source);
  const attached = new AbortController();
  const { signal } = attached;
  const listen = (type: string, heard: () => void): void => source.addEventListener(type, heard, { signal });
  listen('sourceopen', () => {
    URL.revokeObjectURL(url);
    owner.opened(source);
  });
  listen('sourceclose', () => owner.lost('the browser closed the media source'));
  listen('sourceended', () => owner.lost('the browser ended the media source'));
  video.src = url;
  return () => {
    attached.abort();
    URL.revokeObjectURL(url);
  };
};
