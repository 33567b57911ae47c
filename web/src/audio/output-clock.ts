// Tells when each moment of an audio context is heard: the time it is computed plus the output latency.
//
// The compute time comes from `currentTime`. Busy pages read it late, so the earliest of the recent readings count.
// After an interruption of the sound the later time applies soon: the longer the interruption, the fewer readings show
// that it was one.
//
// The latency comes from `getOutputTimestamp`. After a disturbance it is wrong by 100 ms and more for some seconds
// (PulseAudio estimates it) although what is heard does not move, so the median of half a minute counts. A constant per
// browser remains; it was measured against a recording (docs/decisions/0040-songs-by-web-audio.md). No DOM but the
// given context.

import { heardMoment, isOnLinux, type TellingContext } from './output-latency';

/** The part of an audio context that the clock uses. */
export type TimedContext = TellingContext & Pick<AudioContext, 'state'>;

/** How long a reading of the compute time counts, and how many the clock needs. */
const COUNTED = { ms: 3_000, fewest: 10 };
/** The quantile of the readings that counts as the earliest. */
const EARLIEST = 0.1;
/**
 * So many readings in a row, each later than all before by this much, mean that the sound was interrupted. Small
 * differences need more readings, because a thread that is late and then catches up looks the same at first.
 */
const STEPS = [
  { readings: 4, ms: 40 },
  { readings: 8, ms: 20 },
  { readings: 20, ms: 12 },
];
/** How often the latency is read, and how long a reading counts. */
const LATENCY = { everyMs: 300, ms: 30_000 };

/** One reading: when the context's time 0 was computed, and when it was heard. */
interface Reading {
  atMs: number;
  computedMs: number;
  heardMs: number;
}

/** Maps between times of an audio context and the page's clock, by when sound is heard. */
export class OutputClock {
  readonly #context: TimedContext;
  readonly #now: () => number;
  readonly #lateMs: number;
  #readings: Reading[] = [];
  #latencies: { atMs: number; ms: number }[] = [];
  #lastS = -1;
  #originMs: number | undefined;

  /** `now` is `performance.now`; sound is heard `lateMs` later than the browser reports. */
  constructor(context: TimedContext, now: () => number, lateMs = 0) {
    this.#context = context;
    this.#now = now;
    this.#lateMs = lateMs;
  }

  /** Reads the context's clocks. The owner calls this about 25 times a second while the context runs. */
  read(): void {
    if (this.#context.state !== 'running') {
      this.#forget();
      return;
    }
    const reading = this.#reading();
    if (reading === undefined) return;
    this.#readings.push(reading);
    this.#readings = this.#readings.filter(({ atMs }) => atMs > reading.atMs - COUNTED.ms);
    this.#dropInterrupted();
    const isCertain = this.#readings.length >= COUNTED.fewest;
    if (isCertain) this.#noteLatency(reading.atMs);
    // Just after an interruption few readings are left. They are still better than those before it.
    if (this.#latencies.length === 0) return;
    this.#originMs = computed(this.#readings) + quantile(this.#latencies, ({ ms }) => ms, 0.5);
  }

  /** The time of the context that is heard at `nowMs`, in seconds; undefined while unknown. */
  heardAt(nowMs: number): number | undefined {
    return this.#originMs === undefined ? undefined : (nowMs - this.#originMs - this.#lateMs) / 1000;
  }

  /** When this time of the context is heard, by `performance.now`; undefined while unknown. */
  whenHeard(contextS: number): number | undefined {
    return this.#originMs === undefined ? undefined : this.#originMs + this.#lateMs + contextS * 1000;
  }

  /** Forgets the latency, because the output device may have changed. */
  deviceChanged(): void {
    this.#readings = [];
    this.#latencies = [];
  }

  #reading(): Reading | undefined {
    const atMs = this.#now();
    const { currentTime } = this.#context;
    const { contextTime, performanceTime } = heardMoment(this.#context, atMs);
    // Nothing has been heard yet, or nothing was computed since the last reading.
    if (contextTime <= 0 || currentTime === this.#lastS) return undefined;
    this.#lastS = currentTime;
    return { atMs, computedMs: atMs - currentTime * 1000, heardMs: performanceTime - contextTime * 1000 };
  }

  /** Forgets the readings from before an interruption. */
  #dropInterrupted(): void {
    for (const { readings, ms } of STEPS) {
      const newest = this.#readings.slice(-readings);
      if (computed(newest) - computed(this.#readings) > ms) this.#readings = newest;
    }
  }

  #noteLatency(atMs: number): void {
    if (atMs - (this.#latencies.at(-1)?.atMs ?? -Infinity) < LATENCY.everyMs) return;
    const ms = quantile(this.#readings, ({ heardMs }) => heardMs, EARLIEST) - computed(this.#readings);
    this.#latencies.push({ atMs, ms });
    this.#latencies = this.#latencies.filter((latency) => latency.atMs > atMs - LATENCY.ms);
  }

  #forget(): void {
    this.deviceChanged();
    this.#lastS = -1;
    this.#originMs = undefined;
  }
}

/** When the context's time 0 was computed, according to the earliest readings. */
function computed(readings: readonly Reading[]): number {
  return quantile(readings, ({ computedMs }) => computedMs, EARLIEST);
}

function quantile<T>(values: readonly T[], of: (value: T) => number, share: number): number {
  const sorted = values.map(of).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}

/** How much later sound is heard than Chromium reports, ms. Measured with PulseAudio, so it applies to Linux only. */
const CHROMIUM_LATE_MS = -14;

/** The delay for the browser with this `navigator.userAgent`; 0 if unknown. */
export function knownLatenessMs(userAgent: string): number {
  return isOnLinux(userAgent) && userAgent.includes('Chrome/') ? CHROMIUM_LATE_MS : 0;
}
