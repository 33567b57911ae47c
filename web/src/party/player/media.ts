// What the party's player uses of a media element beside what the library's player uses; tests bring their own.

import type { Media } from '../../library/player/media';

/** See the head of the file. */
export type PartyMedia = Media & Pick<HTMLMediaElement, 'ended' | 'muted' | 'preservesPitch' | 'readyState' | 'volume'>;

/** HTMLMediaElement.HAVE_METADATA: it can be sent to a position. */
export const HAVE_METADATA = 1;
/** HTMLMediaElement.HAVE_FUTURE_DATA: playback can go on. */
export const HAVE_FUTURE_DATA = 3;
