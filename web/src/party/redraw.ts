// Decides when the page draws the playback again: at once when something changed, and at most twice a second when only the member's timing
// error did, which changes all the time. A redraw covers the whole page, so it is not free.

import type { PlaybackView } from './session';

/** Time between two redraws for the error alone. */
const ERROR_MS = 500;

/** See the head of the file. */
export class Redraw {
  #shownMs = -Infinity;

  /** Whether to draw `after` in place of `before` now; if so, it counts as drawn. */
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
