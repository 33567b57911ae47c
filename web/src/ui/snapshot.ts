// Takes small pictures of a <video>.

import type { TakePicture } from '../publish/thumbnails';

const MAX_WIDTH = 640;
const JPEG_QUALITY = 0.7;

/** Takes pictures of `video`, at most `maxWidth` pixels wide. */
export function snapshots(video: HTMLVideoElement, maxWidth = MAX_WIDTH): TakePicture {
  const canvas = document.createElement('canvas');
  return async () => {
    const { videoWidth, videoHeight, readyState } = video;
    const context = canvas.getContext('2d', { alpha: false });
    if (videoWidth === 0 || readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !context) return undefined;
    const scale = Math.min(1, maxWidth / videoWidth);
    canvas.width = Math.round(videoWidth * scale);
    canvas.height = Math.max(1, Math.round(videoHeight * scale));
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => {
      canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/jpeg', JPEG_QUALITY);
    });
  };
}
