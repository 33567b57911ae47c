// Running figures of playback: glass-to-glass latency and bit rate. They store only a few seconds of samples.

/** Period of the latency median: long enough not to flicker, short enough to show a change. */
const LATENCY_WINDOW_MS = 3_000;
/** Period of the bit rate; longer than two keyframe intervals, so that it does not oscillate with them. */
const RATE_WINDOW_MS = 5_000;
/** A latency outside this range comes from a wrong clock. */
const PLAUSIBLE_MS = { least: 0, most: 600_000 };

interface Sample {
  atMs: number;
  value: number;
}

/** The median capture-to-display time of the frames shown in the last seconds. */
export class LatencyMeter {
  #samples: Sample[] = [];

  /** A frame captured at `capturedMs` is on screen at `displayedMs`, both on the server's clock; `nowMs` is local. */
  shown(capturedMs: number, displayedMs: number, nowMs: number): void {
    const value = displayedMs - capturedMs;
    if (!(value >= PLAUSIBLE_MS.least && value <= PLAUSIBLE_MS.most)) return;
    this.#samples = since(this.#samples, nowMs - LATENCY_WINDOW_MS);
    this.#samples.push({ atMs: nowMs, value });
  }

  /** Milliseconds; undefined while no frame of the last seconds has a known capture time. */
  medianMs(nowMs: number): number | undefined {
    const values = since(this.#samples, nowMs - LATENCY_WINDOW_MS)
      .map((sample) => sample.value)
      .sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)];
  }

  reset(): void {
    this.#samples = [];
  }
}

/** The received bits per second over the last seconds. */
export class RateMeter {
  #samples: Sample[] = [];
  #startedMs: number | undefined;

  arrived(bytes: number, nowMs: number): void {
    this.#startedMs ??= nowMs;
    this.#samples = since(this.#samples, nowMs - RATE_WINDOW_MS);
    this.#samples.push({ atMs: nowMs, value: bytes });
  }

  /** Undefined in the first seconds, when a joiner's first group would distort the rate. */
  bitsPerSecond(nowMs: number): number | undefined {
    if (this.#startedMs === undefined || nowMs - this.#startedMs < RATE_WINDOW_MS + 1_000) return undefined;
    const bytes = since(this.#samples, nowMs - RATE_WINDOW_MS).reduce((sum, sample) => sum + sample.value, 0);
    return (bytes * 8 * 1000) / RATE_WINDOW_MS;
  }
}

function since(samples: readonly Sample[], fromMs: number): Sample[] {
  return samples.filter((sample) => sample.atMs > fromMs);
}
