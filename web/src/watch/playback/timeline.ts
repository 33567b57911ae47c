// The positions of chunks on the player's clock. Every take counts from its own 0; here each take is placed after the
// previous one, so that playback continues seamlessly:
//
// take 0   |--chunk--|--chunk--|                      pts 0 …
// take 1                       |--chunk--|--chunk--|  pts 0 …, shifted to the end of take 0
//
// Ends come from chunk headers. `SourceBuffer.buffered` alone is not enough: there a chunk's last picture has a
// duration of a second, so that MSE does not drop the video of a still screen. Headers are too long when pictures
// outlast the sound, so a take is placed where both agree that media plays. All times are milliseconds.

import type { MediaData } from '../../protocol/event';

/** How much of the past is kept, for the capture times of frames on screen. */
const REMEMBERED_MS = 30_000;

/** The fields of a chunk that the timeline uses. */
export type ChunkTimes = Pick<MediaData, 'take' | 'pts_ms' | 'duration_ms' | 'captured_at_ms'>;

/** A chunk's place on the player's clock. */
export interface Placement {
  startMs: number;
  endMs: number;
  /** The offset from the take's timestamps to the player's clock. */
  offsetMs: number;
  /** Server-clock capture time of the first frame, if the broadcaster sent it. */
  capturedAtMs: number | undefined;
}

/** The player's clock; empty until the first chunk. */
export class Timeline {
  #take: number | undefined;
  #offsetMs = 0;
  /** End of the newest chunk, in its take's time. */
  #endMs = 0;
  #placements: Placement[] = [];

  /** The end of the newest chunk: the live edge. Undefined before the first. */
  get edgeMs(): number | undefined {
    return this.#placements.at(-1)?.endMs;
  }

  /** Places the next chunk; `playableEndMs` is the end of `buffered`. The very first chunk keeps its own timestamps. */
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

  /** Server-clock capture time of the frame shown at `mediaMs`; undefined if unknown. */
  capturedAt(mediaMs: number): number | undefined {
    // Half a millisecond of tolerance: the element's clock is in seconds, rounded to the container's ticks.
    const chunk = this.#placements.findLast((placement) => placement.startMs <= mediaMs + 0.5);
    return chunk?.capturedAtMs === undefined ? undefined : chunk.capturedAtMs + (mediaMs - chunk.startMs);
  }

  /** Drops all capture times, because they are no longer valid. */
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
