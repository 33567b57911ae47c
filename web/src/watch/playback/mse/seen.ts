// What the viewer has seen, and what they see while the browser jumps: the last picture. Some browsers show the keyframe
// before the jump's end for a moment, and that may be older than what was seen; so the jump begins once the last picture
// covers the video on the screen. They tell of a frame some time after they
// show it, so the first one they tell of during a jump may be from before it: none of these ends the jump. Frames are
// compared by media time, which within one media source never goes back. All times are milliseconds.

import { HAVE_CURRENT_DATA, type Cover, type Video } from './video';

/** A frame this much older than the end of the jump may be the one that was jumped to: frames last a while. */
const FRAME_MS = 100;
/** The video is uncovered this far behind the end of the jump at the latest: not every browser tells which frames it shows. */
const PASSED_MS = 1_000;

type SeenVideo = Pick<Video, 'readyState' | 'seeking'>;

/** See the head of the file. */
export class Seen {
  readonly #video: SeenVideo;
  readonly #cover: Cover;
  #newestMs = 0;
  /** While the video is covered: the oldest frame that uncovers it, the end of the jump, and whether that has begun. */
  #covered: { untilMs: number; jumpsToMs: number; hasBegun: boolean } | undefined;

  constructor(video: SeenVideo, cover: Cover) {
    this.#video = video;
    this.#cover = cover;
  }

  /** Media time of the newest frame that the viewer has seen; 0 without one. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** A jump waits for the cover. */
  get isAboutToJump(): boolean {
    return this.#covered?.hasBegun === false;
  }

  /**
   * The video is to jump to `toMs`: covers it until a frame from there is shown that is not older than what was seen, and calls
   * `begin` when the cover is on the screen. Another jump, or a new media source, takes the place of one that has not begun.
   */
  jumps(toMs: number, begin: () => void): void {
    // What a covered video shows is not what the viewer sees: the cover stays as it is.
    if (this.#covered === undefined && !this.#cover.put()) {
      begin();
      return;
    }
    const covered = { untilMs: Math.max(this.#newestMs, toMs - FRAME_MS), jumpsToMs: toMs, hasBegun: false };
    this.#covered = covered;
    this.#cover.whenShown(() => {
      if (this.#covered !== covered) return;
      covered.hasBegun = true;
      begin();
    });
  }

  /** The video shows the frame of `mediaMs`. Tells whether the viewer sees it. */
  shown(mediaMs: number): boolean {
    const { readyState, seeking } = this.#video;
    if (this.isAboutToJump || (this.#covered !== undefined && (seeking || mediaMs < this.#covered.untilMs)))
      return false;
    // It is a frame of the media source that was there before.
    if (readyState < HAVE_CURRENT_DATA) return false;
    this.uncover();
    this.#newestMs = mediaMs;
    return true;
  }

  /** The playhead is at `positionMs`. */
  moved(positionMs: number): void {
    if (this.#covered !== undefined && positionMs > this.#covered.jumpsToMs + PASSED_MS) this.uncover();
  }

  /** Uncovers the video whatever it shows. */
  uncover(): void {
    this.#covered = undefined;
    this.#cover.takeAway();
  }

  /** The video is about to get another media source, whose times begin anew: covers it until that shows a frame. */
  startsOver(): void {
    this.#newestMs = 0;
    if (this.#covered !== undefined || this.#cover.put()) {
      this.#covered = { untilMs: 0, jumpsToMs: 0, hasBegun: true };
    }
  }
}
