// Which moment of an audio context is heard when. Browsers say so (`getOutputTimestamp`), but not exactly: Firefox counts its context's
// time in blocks and tells of each block late when the page is busy, so the earliest of the last readings count. Both err by a constant
// besides, which was measured against a recording (docs/decisions/0040-songs-by-web-audio.md). No DOM but the context it is given.

/** What is used of an audio context. */
export type TimedContext = Pick<
  AudioContext,
  'baseLatency' | 'currentTime' | 'getOutputTimestamp' | 'outputLatency' | 'state'
>;

/** How old readings may be, and the fewest that tell enough. */
const COUNTED = { ms: 3_000, fewest: 10 };
/** The share of the readings that are earlier than the one that counts. */
const EARLIEST = 0.1;
/** So many readings in a row that are later than all before by this tell that sound broke off for a while, or of another device. */
const STEP = { readings: 8, ms: 12 };

/** When the context's time 0 was heard, by one reading. */
interface Reading {
  atMs: number;
  originMs: number;
}

/** See the head of the file. */
export class OutputClock {
  readonly #context: TimedContext;
  readonly #now: () => number;
  readonly #lateMs: number;
  #readings: Reading[] = [];
  #lastS = -1;
  #originMs: number | undefined;

  /** `now` is `performance.now`; sound is heard `lateMs` later than the browser says. */
  constructor(context: TimedContext, now: () => number, lateMs = 0) {
    this.#context = context;
    this.#now = now;
    this.#lateMs = lateMs;
  }

  /** Whether enough is known. */
  get isKnown(): boolean {
    return this.#originMs !== undefined;
  }

  /** Reads the context's clocks; to be called some 25 times a second while it runs. */
  read(): void {
    if (this.#context.state !== 'running') {
      this.#forget();
      return;
    }
    const reading = this.#reading();
    if (reading === undefined) return;
    this.#readings.push(reading);
    this.#readings = this.#readings.filter(({ atMs }) => atMs > reading.atMs - COUNTED.ms);
    const newest = this.#readings.slice(-STEP.readings);
    const apart = earliest(newest) - earliest(this.#readings);
    if (apart > STEP.ms) this.#readings = newest;
    if (this.#originMs === undefined && this.#readings.length < COUNTED.fewest) return;
    this.#originMs = earliest(this.#readings);
  }

  /** The moment of the context that is heard at `nowMs`, s; undefined while it is not known. */
  heardAt(nowMs: number): number | undefined {
    return this.#originMs === undefined ? undefined : (nowMs - this.#originMs - this.#lateMs) / 1000;
  }

  /** When this moment of the context is heard, by `performance.now`; undefined while it is not known. */
  whenHeard(contextS: number): number | undefined {
    return this.#originMs === undefined ? undefined : this.#originMs + this.#lateMs + contextS * 1000;
  }

  #reading(): Reading | undefined {
    const atMs = this.#now();
    const { contextTime, performanceTime } = this.#timestamp(atMs);
    // Nothing has been heard yet, or nothing since the last reading.
    if (contextTime <= 0 || contextTime === this.#lastS) return undefined;
    this.#lastS = contextTime;
    return { atMs, originMs: performanceTime - contextTime * 1000 };
  }

  #timestamp(atMs: number): { contextTime: number; performanceTime: number } {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    if (contextTime !== undefined && performanceTime !== undefined && performanceTime > 0)
      return { contextTime, performanceTime };
    const { currentTime, outputLatency, baseLatency } = this.#context;
    return { contextTime: currentTime - (outputLatency || baseLatency || 0), performanceTime: atMs };
  }

  #forget(): void {
    this.#readings = [];
    this.#lastS = -1;
    this.#originMs = undefined;
  }
}

function earliest(readings: readonly Reading[]): number {
  const sorted = readings.map(({ originMs }) => originMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * EARLIEST)] ?? 0;
}

/** How much later than they say browsers are heard, ms, beside the earliest readings; measured with PulseAudio, so for Linux alone. */
const LATE_MS = { firefox: 30, chromium: -12 };

/** That of the browser with this `navigator.userAgent`; 0 where it is not known. */
export function knownLatenessMs(userAgent: string): number {
  if (!userAgent.includes('Linux') || userAgent.includes('Android')) return 0;
  if (userAgent.includes('Firefox/')) return LATE_MS.firefox;
  return userAgent.includes('Chrome/') ? LATE_MS.chromium : 0;
}
