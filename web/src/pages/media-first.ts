// Shows the first picture of a page before the rest of the page runs, which would delay it.

/**
 * The longest time that the rest of the page waits for its media. The page takes the main thread for a tenth of a second and
 * more. If it ran first, the picture would be that much later.
 */
const MEDIA_FIRST_MS = 300;

/**
 * Shows the first picture of `media` in `page`, the page's element, which is still empty. Resolves once it is there, or
 * the first sound; once `noMedia` tells that there will be none; or after {@link MEDIA_FIRST_MS}.
 */
export async function mediaFirst(media: HTMLVideoElement, page: string, noMedia: Promise<void>): Promise<void> {
  const over = new Promise((resolve) => setTimeout(resolve, MEDIA_FIRST_MS));
  await Promise.race([showPicture(media, page), noMedia, over]);
}

async function showPicture(media: HTMLVideoElement, page: string): Promise<void> {
  const shown = pictureShown(media);
  await new Promise((resolve) => media.addEventListener('loadedmetadata', resolve, { once: true }));
  if (media.videoWidth === 0 || media.isConnected) return;
  // Not before: laid out while it is empty, its first picture came later.
  document.querySelector(page)?.append(media);
  await shown;
}

/** Resolves once a picture is on the screen: one that was only decoded would wait for the rest of the page. */
async function pictureShown(media: HTMLVideoElement): Promise<void> {
  // Browsers of before 2024 may not have the callback.
  const { requestVideoFrameCallback: request } = media as Partial<HTMLVideoElement>;
  await new Promise((resolve) => {
    if (request === undefined) media.addEventListener('loadeddata', resolve, { once: true });
    else request.call(media, resolve);
  });
}
