// The part of a media element that the party's player uses in addition to the library's player; tests pass their own.

import type { Media } from '../../library/player/media';

/** A media element, or a test's replacement. */
export type PartyMedia = Media & Pick<HTMLMediaElement, 'ended' | 'muted' | 'preservesPitch' | 'readyState' | 'volume'>;

/** HTMLMediaElement.HAVE_METADATA: seeking is possible. */
export const HAVE_METADATA = 1;
/** HTMLMediaElement.HAVE_FUTURE_DATA: playback can continue. */
export const HAVE_FUTURE_DATA = 3;
