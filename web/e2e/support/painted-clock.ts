// Reads from a <video> or <canvas> in a page what the painted clock showed in each presented frame.
import { expect } from '@playwright/test';

export interface Sight {
  /** Date.now() modulo 2^24 when the picture was painted. */
  readonly clockMs: number;
  /** Its frame counter, modulo 4096. */
  readonly counter: number;
  /** Date.now() when the browser expected to show it. */
  readonly shownMs: number;
  /** Number of pictures presented until then, including those without a callback, which Firefox omits at times. */
  readonly presented: number;
  /** The latency that the page reported then, if any. */
  readonly claimedLatencyMs: number | undefined;
  /** The page's notes since the previous sight; see player-notes.ts. */
  readonly notes: readonly string[];
}

/** How many sights before and after a step back are reported. */
const TOLD = { before: 4, after: 3 };

/** A presented picture. */
interface Shown {
  atMs: number;
  /** Number of presented pictures, if the browser reports it. */
  presented?: number;
  /** Whether something covers it. */
  covered: boolean;
}

/** A page in any browser. */
export interface Watched {
  evaluate(inPage: (forMs: number) => Promise<Sight[]>, forMs: number): Promise<Sight[]>;
}

/** Reads the pictures presented from now on, for `durationMs`. Runs in the page. */
export async function watchPaintedClock(page: Watched, durationMs: number): Promise<Sight[]> {
  return await page.evaluate(async (forMs) => {
    const picture = find(document, isPlaying) ?? find(document, isDrawnOn);
    const context = new OffscreenCanvas(640, 32).getContext('2d', { willReadFrequently: true });
    if (!picture || !context) throw new Error('no picture in the page');
    return await collect(picture, context);

    function isPlaying(element: Element): element is HTMLVideoElement {
      return element instanceof HTMLVideoElement && element.videoWidth > 0 && !element.hidden;
    }

    function isDrawnOn(element: Element): element is HTMLCanvasElement {
      return element instanceof HTMLCanvasElement && element.matches('.pictures') && !element.hidden;
    }

    function find<Found extends Element>(
      root: Document | ShadowRoot,
      wanted: (element: Element) => element is Found,
    ): Found | undefined {
      for (const element of root.querySelectorAll('*')) {
        if (wanted(element)) return element;
        const inside = element.shadowRoot && find(element.shadowRoot, wanted);
        if (inside) return inside;
      }
      return undefined;
    }

    function collect(
      from: HTMLVideoElement | HTMLCanvasElement,
      to: OffscreenCanvasRenderingContext2D,
    ): Promise<Sight[]> {
      const sights: Sight[] = [];
      const endMs = performance.now() + forMs;
      return new Promise((resolve) => {
        // The caller must notice missing pictures: it gets those that arrived.
        const timer = setTimeout(() => {
          resolve(sights);
        }, forMs + 1000);
        const onPicture = (shown: Shown): void => {
          const sight = shown.covered ? undefined : read(from, to, { presented: sights.length, ...shown });
          // A canvas is read whenever the browser draws, whether its picture is new or not.
          if (sight && (isPlaying(from) || sight.counter !== sights.at(-1)?.counter)) sights.push(sight);
          if (performance.now() < endMs) {
            next(from, onPicture);
          } else {
            clearTimeout(timer);
            resolve(sights);
          }
        };
        next(from, onPicture);
      });
    }

    function next(from: HTMLVideoElement | HTMLCanvasElement, onPicture: (shown: Shown) => void): void {
      if (!isPlaying(from)) {
        requestAnimationFrame((atMs) => {
          onPicture({ atMs, covered: false });
        });
        return;
      }
      from.requestVideoFrameCallback((_nowMs, frame) => {
        // While the player jumps, its last picture covers the video.
        const covered = from.matches(':has(+ canvas:not(.pictures))');
        const place = `${Math.round(frame.mediaTime * 1000)}, playhead at ${Math.round(from.currentTime * 1000)}`;
        globalThis.notePlayer?.(`${covered ? 'covered frame' : 'frame'} of ${place}${from.seeking ? ', seeking' : ''}`);
        onPicture({ atMs: frame.expectedDisplayTime, presented: presentedBy(from), covered });
      });
    }

    // Firefox presents some pictures without a callback, and its `presentedFrames` includes frames decoded for a jump.
    function presentedBy(video: HTMLVideoElement): number {
      const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
      return totalVideoFrames - droppedVideoFrames;
    }

    function read(
      from: HTMLVideoElement | HTMLCanvasElement,
      to: OffscreenCanvasRenderingContext2D,
      { atMs, presented }: Required<Shown>,
    ): Sight | undefined {
      const scale = (isPlaying(from) ? from.videoWidth : from.width) / 1280;
      to.drawImage(from, 0, 0, 640 * scale, 32 * scale, 0, 0, 640, 32);
      const pixels = to.getImageData(0, 16, 640, 1).data;
      const bits = Array.from({ length: 40 }, (_, cell) => ((pixels[(cell * 16 + 8) * 4] ?? 0) > 128 ? 1 : 0));
      const parity = (odd: number): number =>
        bits.slice(0, 38).reduce<number>((sum, bit, cell) => (cell > 1 && cell % 2 === odd ? sum ^ bit : sum), 0);
      if (bits[0] !== 1 || bits[1] !== 0 || parity(0) !== bits[38] || parity(1) !== bits[39]) return undefined;
      const number = (start: number, end: number): number =>
        bits.slice(start, end).reduce<number>((sum, bit) => sum * 2 + bit, 0);
      const root = from.getRootNode();
      const claimed = root instanceof ShadowRoot ? root.host.getAttribute('data-latency-ms') : null;
      return {
        clockMs: number(2, 26),
        counter: number(26, 38),
        shownMs: performance.timeOrigin + atMs,
        presented,
        claimedLatencyMs: claimed === null ? undefined : Number(claimed),
        notes: globalThis.playerNotes?.splice(0) ?? [],
      };
    }
  }, durationMs);
}

/**
 * Fails unless clock and counter never went back and advanced in total. A picture may be shown twice, because screens
 * may be still.
 */
export function expectMoving(sights: readonly Sight[]): void {
  const steps = sights.slice(1).map((sight, index) => {
    const before = sights[index] ?? sight;
    return {
      at: index + 1,
      clock: stepOf(before.clockMs, sight.clockMs, 2 ** 24),
      counter: stepOf(before.counter, sight.counter, 4096),
    };
  });
  const back = steps.filter(({ clock, counter }) => clock < 0 || counter < 0);
  expect(back, back.map(({ at }) => storyOf(sights, at)).join('\n\n')).toEqual([]);
  expect(steps.some(({ counter }) => counter > 0)).toBe(true);
}

/** The sights and the player's notes around the sight number `at`. */
function storyOf(sights: readonly Sight[], at: number): string {
  const around = sights.slice(Math.max(0, at - TOLD.before), at + TOLD.after);
  const told = around.flatMap((sight) => {
    const mark = sight === sights[at] ? '<-- went back' : '';
    return [...sight.notes, `    sight of clock ${sight.clockMs}, counter ${sight.counter} ${mark}`];
  });
  return ['The picture went back. Times in ms; ranges are buffered media.', ...told].join('\n');
}

/** The step from `before` to `after`, the shorter way around a counter with so many values. */
function stepOf(before: number, after: number, values: number): number {
  const forward = (after - before + values) % values;
  return forward < values / 2 ? forward : forward - values;
}

/** Number of pictures presented from the first sight to the last. */
export function pictures(sights: readonly Sight[]): number {
  const [first, last] = [sights[0], sights.at(-1)];
  return first && last ? last.presented - first.presented + 1 : 0;
}

/** The time from painting to display, for each sight. */
export function latenciesMs(sights: readonly Sight[]): number[] {
  return sights.map((sight) => {
    const behind = (sight.shownMs - sight.clockMs) % 2 ** 24;
    return behind < 0 ? behind + 2 ** 24 : behind;
  });
}

/** The median; throws if there are no values, so that an empty measurement does not pass. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('nothing was measured');
  return middle;
}
