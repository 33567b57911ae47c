// Decides when the page redraws the playback: at once for most changes, but at most twice a second for the member's
// sync error, which changes all the time. A redraw covers the whole page, so it is expensive.

import type { PlaybackView } from './session';

/** Shortest time between redraws for the error alone. */
const ERROR_MS = 500;

/** Tracks the last redraw. */
export class Redraw {
  #shownMs = -Infinity;

  /** Whether to draw `after` in place of `before` now. If true, it counts as drawn. */
  isDue(before: PlaybackView, after: PlaybackView, nowMs: number): boolean {
    const isSame =
      before.phase === after.phase &&
      before.entryId === after.entryId &&
      before.problem === after.problem &&
      before.wave === after.wave &&
      before.hasVocals === after.hasVocals;
    const isSameError = Object.is(Math.round(before.errorMs ?? NaN), Math.round(after.errorMs ?? NaN));
    const isDue = !isSame || (!isSameError && nowMs - this.#shownMs >= ERROR_MS);
    if (isDue) this.#shownMs = nowMs;
    return isDue;
  }
}
