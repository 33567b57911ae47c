// What pictures are drawn on: a canvas in a page, or what a test brings.

import type { Display } from './tracks';

/** See the head of the file. */
export interface Screen {
  /** Of the picture that was drawn last, as it is seen; 0 before the first. */
  readonly width: number;
  readonly height: number;
  /** Draws a picture; it is not closed. */
  draw(frame: VideoFrame, display: Display): void;
  /**
   * Calls `refresh` before each time the screen is refreshed, until the returned function is called. What is drawn then is
   * seen at `displayedAtMs` of the local clock.
   */
  onRefresh(refresh: (displayedAtMs: number) => void): () => void;
}
