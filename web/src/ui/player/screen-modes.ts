// Full screen and picture in picture, where the browser has them. It may refuse either, which the person sees.

type Enlargeable = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Whether something can fill the screen here: a frame may not have been allowed to. */
export function canEnlarge(video: Enlargeable | undefined): boolean {
  return document.fullscreenEnabled || video?.webkitEnterFullscreen !== undefined;
}

/** Lets `element` fill the screen, or no more; on iPhones only the video itself can. */
export async function toggleFullScreen(element: HTMLElement, video: Enlargeable): Promise<void> {
  try {
    if (element.matches(':fullscreen')) await document.exitFullscreen();
    else if (document.fullscreenEnabled) await element.requestFullscreen();
    else video.webkitEnterFullscreen?.();
  } catch {
    // Nothing to tell that the person does not see.
  }
}

/** Lets the picture float over other windows, or no more. */
export async function toggleFloating(video: HTMLVideoElement): Promise<void> {
  try {
    if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else await video.requestPictureInPicture();
  } catch {
    // As above.
  }
}
