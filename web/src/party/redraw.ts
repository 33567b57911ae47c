// When what is played has to be shown anew: at once where it is something else, and now and then where only the member's error changed,
// which it does with each look. Everything on the page is drawn anew for it.

import type { PlaybackView } from './session';

/** How often the error is shown anew while nothing else changes. */
const ERROR_MS = 500;

/** See the head of the file. */
export class Redraw {
  #shownMs = -Infinity;

  /** Whether `after` is to be shown in the place of `before` now; then it counts as shown. */
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
