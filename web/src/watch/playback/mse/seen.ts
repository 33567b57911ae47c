// What the viewer has seen, and keeps seeing while the browser jumps: the last picture. Some browsers briefly show the
// keyframe before the jump's target, which may be older than the last picture. So the last picture covers the video
// before the jump begins. Browsers report frames with a delay, so the first frame reported during a jump may precede
// it; such frames do not end the jump. Frames are compared by media time, which never goes back within one media
// source. All times are milliseconds.

import { HAVE_CURRENT_DATA, type Cover, type Video } from './video';

/** A frame this much older than the jump's target may be the target's own frame, because frames last a while. */
const FRAME_MS = 100;
/** Beyond this distance after the target the video is uncovered in any case: some browsers do not report frames. */
const PASSED_MS = 1_000;

type SeenVideo = Pick<Video, 'readyState' | 'seeking'>;

/** Covers the video during jumps. */
export class Seen {
  readonly #video: SeenVideo;
  readonly #cover: Cover;
  #newestMs = 0;
  /** While covered: the oldest frame that uncovers the video, the jump's target, and whether the jump has begun. */
  #covered: { untilMs: number; jumpsToMs: number; hasBegun: boolean } | undefined;

  constructor(video: SeenVideo, cover: Cover) {
    this.#video = video;
    this.#cover = cover;
  }

  /** Media time of the newest frame that the viewer saw; 0 if none. */
  get newestMs(): number {
    return this.#newestMs;
  }

  /** Whether a jump is waiting for the cover. */
  get isAboutToJump(): boolean {
    return this.#covered?.hasBegun === false;
  }

  /**
   * Prepares a jump to `toMs`: covers the video until it shows a frame of the target that is not older than the last
   * seen picture, and calls `begin` when the cover is on screen. Another jump or a new media source replaces one that
   * has not begun.
   */
  jumps(toMs: number, begin: () => void): void {
    // If the video is already covered, the viewer sees the cover, so it stays.
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

  /** Records that the video shows the frame at `mediaMs`. Returns whether the viewer sees it. */
  shown(mediaMs: number): boolean {
    const { readyState, seeking } = this.#video;
    if (this.isAboutToJump || (this.#covered !== undefined && (seeking || mediaMs < this.#covered.untilMs)))
      return false;
    // The frame belongs to the previous media source.
    if (readyState < HAVE_CURRENT_DATA) return false;
    this.uncover();
    this.#newestMs = mediaMs;
    return true;
  }

  /** The playhead is at `positionMs`. */
  moved(positionMs: number): void {
    if (this.#covered !== undefined && positionMs > this.#covered.jumpsToMs + PASSED_MS) this.uncover();
  }

  /** Uncovers the video, whatever it shows. */
  uncover(): void {
    this.#covered = undefined;
    this.#cover.takeAway();
  }

  /**
   * The media source is about to be replaced and media time restarts: covers the video until the new one shows a frame.
   */
  startsOver(): void {
    this.#newestMs = 0;
    if (this.#covered !== undefined || this.#cover.put()) {
      this.#covered = { untilMs: 0, jumpsToMs: 0, hasBegun: true };
    }
  }
}
