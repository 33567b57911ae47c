// Which Media Source Extensions this browser has, and connecting one to a <video>. iPhones have only the managed kind,
// which asks that nothing is cast elsewhere; it is used like the ordinary one.

declare global {
  var ManagedMediaSource: typeof MediaSource | undefined;
}

function sourceClass(): typeof MediaSource | undefined {
  return typeof MediaSource === 'undefined' ? globalThis.ManagedMediaSource : MediaSource;
}

/** Whether streams can be played here at all. */
export function canPlayStreams(): boolean {
  return sourceClass() !== undefined;
}

/** Whether a stream of this type can be played here. */
export function canPlayType(mime: string): boolean {
  return sourceClass()?.isTypeSupported(mime) ?? false;
}

/** A media source that a <video> plays. */
export interface AttachedSource {
  readonly source: MediaSource;
  /** Takes it off the element and frees what it held. */
  detach(): void;
}

/**
 * Gives `video` a new media source; `opened` is called when buffers can be added.
 *
 * @throws Error where {@link canPlayStreams} says no.
 */
export function attachSource(video: HTMLVideoElement, opened: (source: MediaSource) => void): AttachedSource {
  const Source = sourceClass();
  if (Source === undefined) throw new Error('this browser has no Media Source Extensions');
  if (typeof MediaSource === 'undefined') video.disableRemotePlayback = true;
  const source = new Source();
  const url = URL.createObjectURL(source);
  let attached = true;
  source.addEventListener(
    'sourceopen',
    () => {
      URL.revokeObjectURL(url);
      if (attached) opened(source);
    },
    { once: true },
  );
  video.src = url;
  return {
    source,
    detach: () => {
      attached = false;
      URL.revokeObjectURL(url);
    },
  };
}
