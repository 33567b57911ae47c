// Which formats of a stream this browser plays, best first: what it asks nodes for. Decided once, by what the browser says
// it can do.

import { canPlayType } from './playback/mse/media-source';
import { canPlayFrames } from './playback/webcodecs/support';

/** How a node can write a stream down: WebM, CMAF, or bare frames. */
export type Format = 'webm' | 'mp4' | 'frames';

const FORMATS: readonly Format[] = ['webm', 'mp4', 'frames'];

/** What streams are in as CMAF, each with the sound that browsers record. */
const CMAF_TYPES = ['vp09.00.10.08', 'av01.0.04M.08', 'avc1.42E01F'].map((codec) => `video/mp4;codecs="${codec},opus"`);

/** What a browser says about itself. */
export interface FormatProbe {
  /** `MediaSource.isTypeSupported` */
  canPlayType(type: string): boolean;
  /** It has WebCodecs. */
  canPlayFrames(): boolean;
  userAgent: string;
}

const BROWSER: FormatProbe = {
  canPlayType,
  canPlayFrames,
  get userAgent() {
    return navigator.userAgent;
  },
};

/** The formats to ask for, best first. CMAF has no place for VP8, so there is always a second one. */
export function preferredFormats(browser: FormatProbe = BROWSER): Format[] {
  const other = playsSmallClusters(browser.userAgent) || !browser.canPlayFrames() ? 'webm' : 'frames';
  return CMAF_TYPES.some((type) => browser.canPlayType(type)) ? ['mp4', other] : [other];
}

/**
 * Whether WebM plays that comes in Clusters of a tenth of a second. Firefox says that it plays the type, and then shows one
 * picture a second or stops, whatever durations the Clusters tell; no feature tells the engines apart in this.
 */
function playsSmallClusters(userAgent: string): boolean {
  return !/\bGecko\/\d/.test(userAgent);
}

/** The formats that a list in an address names, `mp4,frames`; undefined where it names none. */
export function namedFormats(list: string | null): Format[] | undefined {
  const names = (list ?? '').split(',');
  const formats = names.flatMap((name) => FORMATS.find((format) => format === name.trim()) ?? []);
  return formats.length > 0 ? formats : undefined;
}
