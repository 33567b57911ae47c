// Which Media Source Extensions this browser has, and connecting one to a <video>. iPhones have only the managed kind,
// which asks that nothing is cast elsewhere; it is used like the ordinary one.

import type { Video } from './video';

declare global {
  var ManagedMediaSource: typeof MediaSource | undefined;
}

function sourceClass(): typeof MediaSource | undefined {
  return typeof MediaSource === 'undefined' ? globalThis.ManagedMediaSource : MediaSource;
}

/** Whether streams can be played by a <video> here at all. */
export function canPlayStreams(): boolean {
  return sourceClass() !== undefined;
}

/** Whether a <video> can play a stream of this type here. */
export function canPlayType(mime: string): boolean {
  return sourceClass()?.isTypeSupported(mime) ?? false;
}

/** What is used of a media source. */
export type OpenSource = Pick<MediaSource, 'addSourceBuffer'>;

/** What an attached media source tells. */
export interface SourceOwner {
  /** Buffers can be added. */
  opened(source: OpenSource): void;
  /** The browser closed or ended it, which this page never asks for: it is of no more use. */
  lost(reason: string): void;
}

/** Gives a video a new media source; the returned function takes no more notice of it and frees what it held. */
export type AttachSource = (video: Video, owner: SourceOwner) => () => void;

/**
 * By this browser.
 *
 * @throws Error where {@link canPlayStreams} says no.
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
