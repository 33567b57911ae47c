// Extracts pictures from a local video file: the browser plays it in a hidden <video> and seeks from time to time.

import type { Frame } from '../../library/upload/pictures';
import { snapshots } from '../snapshot';

/** Number of pictures for the time line, and their width in pixels. */
const COUNT = 20;
const WIDTH = 160;
/** Shortest interval between two pictures. */
const LEAST_S = 1;
/**
 * The cover is the picture after this share of the video, but not later than COVER_LATEST_S, because the beginning is
 * often blank.
 */
const COVER_SHARE = 0.1;
const COVER_LATEST_S = 30;
/** Timeout of one seek. */
const STEP_MS = 10_000;

/**
 * The pictures of a file, first the one for the cover; none if it is no video.
 *
 * @throws Error if the browser cannot read it.
 */
export async function* framesOf(file: File, signal: AbortSignal): AsyncGenerator<Frame> {
  if (file.type.startsWith('audio/')) return;
  const video = document.createElement('video');
  const address = URL.createObjectURL(file);
  try {
    video.muted = true;
    video.preload = 'auto';
    video.src = address;
    await happened(video, 'loadeddata', signal);
    const { duration, videoWidth } = video;
    if (videoWidth === 0 || !Number.isFinite(duration)) return;
    const count = Math.min(COUNT, Math.ceil(duration / LEAST_S));
    const steps = Array.from({ length: count }, (_, i) => ((i + 0.5) * duration) / count);
    const [cover, small] = [snapshots(video), snapshots(video, WIDTH)];
    const first = Math.min(duration * COVER_SHARE, COVER_LATEST_S);
    for (const [take, atS] of [[cover, first] as const, ...steps.map((atS) => [small, atS] as const)]) {
      video.currentTime = atS;
      await happened(video, 'seeked', signal);
      const picture = await take();
      if (picture !== undefined) yield { atMs: Math.round(atS * 1000), picture };
    }
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(address);
  }
}

function happened(video: HTMLVideoElement, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (error?: Error): void => {
      over.abort();
      if (error === undefined) resolve();
      else reject(error);
    };
    const listen = over.signal;
    video.addEventListener(event, () => end(), { signal: listen });
    video.addEventListener('error', () => end(new Error(video.error?.message ?? 'the file cannot be read')), {
      signal: listen,
    });
    for (const stop of [signal, AbortSignal.timeout(STEP_MS)]) {
      if (stop.aborted) end(new Error('stopped'));
      stop.addEventListener('abort', () => end(new Error('stopped')), { signal: listen });
    }
  });
}
