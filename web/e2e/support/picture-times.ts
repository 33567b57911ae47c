// When the first picture of a video is painted after its page was asked for, and what came before it. The clock is the page's own: it
// starts with the navigation, so the start of the browser does not count.
import type { BrowserContext, Page } from '@playwright/test';

/** In ms since the navigation. */
export interface FirstPicture {
  /** The answer with the page began. */
  answeredMs: number;
  /** Something of the page was painted. */
  pageMs: number;
  /** The media element got its source; a buffer first took media; the element knew what is in it, and had decoded its beginning. */
  attachedMs: number;
  appendedMs: number;
  metadataMs: number;
  decodedMs: number;
  /** The compositor had the picture, and says that it is on the screen then. */
  pictureMs: number;
  /** What was fetched before that, over the network or from a cache. */
  requests: { path: string; fromMs: number; toMs: number; bytes: number }[];
}

interface Noted {
  firstPicture: Promise<number>;
  marks: Record<string, number>;
}

/** Notes the times in every page of `context`. */
export async function noteFirstPicture(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const marks: Record<string, number> = {};
    const mark = (name: string): void => {
      marks[name] ??= performance.now();
    };
    let tell: (ms: number) => void = () => undefined;
    const firstPicture = new Promise<number>((resolve) => (tell = resolve));
    Object.assign(window, { noted: { firstPicture, marks } satisfies Noted });
    const source = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'src');
    Object.defineProperty(HTMLMediaElement.prototype, 'src', {
      ...source,
      set(this: HTMLVideoElement, url: string) {
        mark('attached');
        this.addEventListener('loadedmetadata', () => mark('metadata'));
        this.addEventListener('loadeddata', () => mark('decoded'));
        this.requestVideoFrameCallback((_now, { expectedDisplayTime }) => tell(expectedDisplayTime));
        source?.set?.call(this, url);
      },
    });
    const append = Object.getOwnPropertyDescriptor(SourceBuffer.prototype, 'appendBuffer');
    SourceBuffer.prototype.appendBuffer = function (this: SourceBuffer, bytes: BufferSource) {
      mark('appended');
      (append?.value as SourceBuffer['appendBuffer']).call(this, bytes);
    };
  });
}

/** Opens `url` in `page`, of a context whose pictures are noted, and waits for its first picture. */
export async function firstPicture(page: Page, url: string): Promise<FirstPicture> {
  await page.goto(url, { waitUntil: 'commit' });
  return await page.evaluate(async () => {
    const { firstPicture, marks } = (window as unknown as { noted: Noted }).noted;
    const pictureMs = await firstPicture;
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    const requests = (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ startTime }) => startTime < pictureMs)
      .map(({ name, startTime, responseEnd, transferSize }) => ({
        path: new URL(name).pathname,
        fromMs: startTime,
        toMs: responseEnd,
        bytes: transferSize,
      }));
    return {
      answeredMs: navigation?.responseStart ?? NaN,
      pageMs: paint?.startTime ?? NaN,
      attachedMs: marks.attached ?? NaN,
      appendedMs: marks.appended ?? NaN,
      metadataMs: marks.metadata ?? NaN,
      decodedMs: marks.decoded ?? NaN,
      pictureMs,
      requests,
    };
  });
}
