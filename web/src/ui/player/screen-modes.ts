// Full screen and picture in picture, if the browser has them. It may refuse either, which the person sees.

type Enlargeable = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Whether full screen is available: frames need permission. */
export function canEnlarge(video: Enlargeable | undefined): boolean {
  return document.fullscreenEnabled || video?.webkitEnterFullscreen !== undefined;
}

/** Toggles full screen of `element`; on iPhones only the video itself supports it. */
export async function toggleFullScreen(element: HTMLElement, video: Enlargeable): Promise<void> {
  try {
    if (element.matches(':fullscreen')) await document.exitFullscreen();
    else if (document.fullscreenEnabled) await element.requestFullscreen();
    else video.webkitEnterFullscreen?.();
  } catch {
    // The person sees that nothing happened.
  }
}

/** Toggles picture in picture. */
export async function toggleFloating(video: HTMLVideoElement): Promise<void> {
  try {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video.requestPictureInPicture();
  } catch {
    // As above.
  }
}
