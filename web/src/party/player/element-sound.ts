// How the sound of a media element differs from the position that its browser reports, as recordings of PulseAudio showed
// (docs/decisions/0040-songs-by-web-audio.md).

import { knownLatenessMs } from '../../audio/output-clock';
import { isOnLinux, ownUserAgent } from '../../audio/output-latency';

/** What a browser does not tell of the sound of its media elements. */
export interface ElementSound {
  /** How much later than reported it is heard, ms; negative if earlier. */
  lateMs: number;
  /** Sound that is dropped at the end of each change of the rate, ms; the reported position does not count it. */
  cutMs: number;
}

/** Firefox with PulseAudio, while the rate was never changed. */
const FIREFOX_LATE_MS = -25;
/** Firefox drops what its time stretcher still holds when the rate is 1 again. */
const FIREFOX_CUT_MS = 20;

/** The sound of media elements in the browser with this `navigator.userAgent`. */
export function elementSound(userAgent = ownUserAgent()): ElementSound {
  if (!userAgent.includes('Firefox/')) return { lateMs: knownLatenessMs(userAgent), cutMs: 0 };
  return { lateMs: isOnLinux(userAgent) ? FIREFOX_LATE_MS : 0, cutMs: FIREFOX_CUT_MS };
}
