// The target of drawn pictures: a canvas in a page, or a test's replacement.

import type { Display } from './tracks';

/** A surface to draw pictures on. */
export interface Screen {
  /** Displayed size of the last drawn picture; 0 before the first. */
  readonly width: number;
  readonly height: number;
  /** Draws a picture without closing it. */
  draw(frame: VideoFrame, display: Display): void;
  /**
   * Calls `refresh` before each refresh of the screen, until the returned function is called. Pictures drawn then are
   * visible at `displayedAtMs` of the local clock.
   */
  onRefresh(refresh: (displayedAtMs: number) => void): () => void;
}
