// The formats of a stream that this browser plays, best first, for requests to nodes. Determined once, from the
// browser's own answers.

import { canPlayType } from './playback/mse/media-source';
import { canPlayFrames } from './playback/webcodecs/support';

/** Formats that nodes can provide: WebM, CMAF, or bare frames. */
export type Format = 'webm' | 'mp4' | 'frames';

const FORMATS: readonly Format[] = ['webm', 'mp4', 'frames'];

/** Types of CMAF streams, each with the sound that browsers record. */
const CMAF_TYPES = ['vp09.00.10.08', 'av01.0.04M.08', 'avc1.42E01F'].map((codec) => `video/mp4;codecs="${codec},opus"`);

/** The browser's answers about itself. */
export interface FormatProbe {
  /** `MediaSource.isTypeSupported` */
  canPlayType(type: string): boolean;
  /** Whether WebCodecs exists. */
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

/** The formats to request, best first. CMAF does not support VP8, so there is always a second one. */
export function preferredFormats(browser: FormatProbe = BROWSER): Format[] {
  const other = playsSmallClusters(browser.userAgent) || !browser.canPlayFrames() ? 'webm' : 'frames';
  return CMAF_TYPES.some((type) => browser.canPlayType(type)) ? ['mp4', other] : [other];
}

/**
 * Whether the browser plays WebM with Clusters of a tenth of a second. Firefox reports support for the type, but then
 * shows one picture a second or stops, whatever durations the Clusters have. No feature detection distinguishes the
 * engines.
 */
function playsSmallClusters(userAgent: string): boolean {
  return !/\bGecko\/\d/.test(userAgent);
}

/** The formats in an address's list, such as `mp4,frames`; undefined if it has none. */
export function namedFormats(list: string | null): Format[] | undefined {
  const names = (list ?? '').split(',');
  const formats = names.flatMap((name) => FORMATS.find((format) => format === name.trim()) ?? []);
  return formats.length > 0 ? formats : undefined;
}
