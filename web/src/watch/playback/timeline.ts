// Where chunks lie on the player's clock. Every take counts from its own 0; here each one is laid behind the last,
// so that a new take plays on where the old one stopped:
//
//   take 0   |--chunk--|--chunk--|                      pts 0 …
//   take 1                       |--chunk--|--chunk--|  pts 0 …, shifted to the end of take 0
//
// Ends come from chunk headers. `SourceBuffer.buffered` cannot tell them alone: a chunk's last picture claims a second
// there, so that a still screen does not make MSE drop video. Headers in turn claim too much when pictures outlast
// the sound, so a take is laid where both agree that something plays. All times are milliseconds.

import type { MediaData } from '../../protocol/event';

/** How much of the past stays known, for the capture times of the frames on screen. */
const REMEMBERED_MS = 30_000;

/** What the timeline reads of a chunk. */
export type ChunkTimes = Pick<MediaData, 'take' | 'pts_ms' | 'duration_ms' | 'captured_at_ms'>;

/** A chunk's place on the player's clock. */
export interface Placement {
  startMs: number;
  endMs: number;
  /** What to add to the take's timestamps to get here. */
  offsetMs: number;
  /** Server-clock time at which the first frame was captured, if the broadcaster told. */
  capturedAtMs: number | undefined;
}

/** The player's clock; empty until the first chunk. */
export class Timeline {
  #take: number | undefined;
  #offsetMs = 0;
  /** Of the newest chunk of this take. */
  #endMs = 0;
  #placements: Placement[] = [];

  /** Where the newest chunk ends: the live edge. Undefined while there is none. */
  get edgeMs(): number | undefined {
    return this.#placements.at(-1)?.endMs;
  }

  /**
   * Lays down the next chunk; `playableEndMs` is where `buffered` ends. The first chunk ever keeps its own timestamps.
   */
  place(chunk: ChunkTimes, playableEndMs = Infinity): Placement {
    if (this.#take !== chunk.take) {
      const edge = this.edgeMs;
      this.#offsetMs = edge === undefined ? 0 : Math.min(edge, playableEndMs) - chunk.pts_ms;
      this.#take = chunk.take;
      this.#endMs = 0;
    }
    const startMs = chunk.pts_ms + this.#offsetMs;
    const placement = {
      startMs,
      endMs: Math.max(startMs + chunk.duration_ms, this.#endMs),
      offsetMs: this.#offsetMs,
      capturedAtMs: chunk.captured_at_ms,
    };
    this.#endMs = placement.endMs;
    this.#placements = this.#placements.filter((old) => old.endMs > startMs - REMEMBERED_MS);
    this.#placements.push(placement);
    return placement;
  }

  /** Server-clock time at which the frame shown at `mediaMs` was captured; undefined where nobody told. */
  capturedAt(mediaMs: number): number | undefined {
    // Half a millisecond of room: the element's clock is in seconds, rounded to whatever the container counts in.
    const chunk = this.#placements.findLast((placement) => placement.startMs <= mediaMs + 0.5);
    return chunk?.capturedAtMs === undefined ? undefined : chunk.capturedAtMs + (mediaMs - chunk.startMs);
  }

  /** The capture times told so far no longer hold. */
  forgetCaptureTimes(): void {
    for (const placement of this.#placements) placement.capturedAtMs = undefined;
  }

  /** Forgets everything, for a new media source. */
  reset(): void {
    this.#take = undefined;
    this.#offsetMs = 0;
    this.#endMs = 0;
    this.#placements = [];
  }
}
