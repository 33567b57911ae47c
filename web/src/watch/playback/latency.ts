// Glass-to-glass latency: filters out untrustworthy capture times, and measures how long after them pictures are on
// screen.

import type { MediaData } from '../../protocol/event';
import { localNowMs, type ServerClock } from '../../transport/clock';
import { CaptureCheck } from './capture-check';
import { LatencyMeter } from './meters';
import type { ChunkTimes, Timeline } from './timeline';

/** Period over which pictures per second are counted. */
const COUNTED_MS = 2_000;

/** Measures the latency of one playback. */
export class Latency {
  readonly #clock: ServerClock;
  readonly #timeline: Timeline;
  readonly #check: CaptureCheck;
  readonly #meter = new LatencyMeter();
  #shownAtMs: number[] = [];

  /** `timeline` maps displayed pictures to capture times; `doubtsClock` requests the node's clock. */
  constructor(clock: ServerClock, timeline: Timeline, doubtsClock: () => void) {
    this.#clock = clock;
    this.#timeline = timeline;
    this.#check = new CaptureCheck(clock, doubtsClock);
  }

  /**
   * The times of a chunk that arrived. A capture time that cannot be believed is removed, along with all earlier ones.
   */
  believed(chunk: MediaData, arrivedAtMs: number): ChunkTimes {
    const { take, pts_ms, duration_ms, captured_at_ms: capturedAtMs } = chunk;
    if (capturedAtMs === undefined) return chunk;
    if (this.#check.believes({ take, ptsMs: pts_ms, capturedAtMs, arrivedAtMs })) return chunk;
    this.#timeline.forgetCaptureTimes();
    this.#meter.reset();
    return { take, pts_ms, duration_ms };
  }

  /** The picture of `mediaMs` is on screen at `displayedAtMs` of the local clock. */
  shown(displayedAtMs: number, mediaMs: number): void {
    const nowMs = localNowMs();
    this.#shownAtMs.push(nowMs);
    const captured = this.#timeline.capturedAt(mediaMs);
    const displayed = this.#clock.serverMs(displayedAtMs);
    if (captured !== undefined && displayed !== undefined) this.#meter.shown(captured, displayed, nowMs);
  }

  /** Milliseconds; undefined while no picture of the last seconds has a known capture time. */
  medianMs(): number | undefined {
    return this.#meter.medianMs(localNowMs());
  }

  /** Pictures shown per second, over the last seconds. */
  picturesPerSecond(): number {
    const nowMs = localNowMs();
    this.#shownAtMs = this.#shownAtMs.filter((at) => at > nowMs - COUNTED_MS);
    return (this.#shownAtMs.length * 1000) / COUNTED_MS;
  }

  /** Forgets everything, because the next media is unrelated. */
  reset(): void {
    this.#check.reset();
    this.#meter.reset();
  }
}
