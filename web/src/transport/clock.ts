// Estimates a server's clock by the exchange of four timestamps that NTP uses (RFC 5905, section 8). Of several
// exchanges, the one with the shortest round trip counts: its error is at most half that trip.

import type { ClockAnswer } from '../protocol/event';

/** One exchange: how far the server's clock is ahead of the local one, and the duration of the round trip. */
export interface ClockSample {
  offsetMs: number;
  roundTripMs: number;
}

/** The sample of an exchange that ended at `t3Ms` of the local clock. */
export function clockSample(answer: ClockAnswer, t3Ms: number): ClockSample {
  const { t0_ms, t1_ms, t2_ms } = answer;
  return {
    offsetMs: (t1_ms - t0_ms + (t2_ms - t3Ms)) / 2,
    roundTripMs: t3Ms - t0_ms - (t2_ms - t1_ms),
  };
}

/** The local clock of a page: milliseconds since the Unix epoch, never stepping back. */
export function localNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** How many of the newest samples are kept; few, so that a drifting clock is followed. */
const REMEMBERED = 16;
/** How far two clocks may drift apart while samples are kept. */
const DRIFT_MS = 20;

/**
 * How far the two local clocks may diverge between exchanges. A larger gap means that the computer slept, or its clock
 * was set.
 */
const PARTED_MS = 200;

/**
 * An estimate of a server's clock. Between exchanges it runs on the local clock, which may stand still while the
 * computer sleeps. Once a sleep is detected, nothing is known until the next exchange.
 */
export class ServerClock {
  readonly #localNowMs: () => number;
  readonly #wallNowMs: () => number;
  #samples: ClockSample[] = [];
  #exchanges = 0;
  /** The wall clock minus the local clock at the last exchange. */
  #partMs = 0;

  /** `now` is the local clock, `wallNow` one that runs on during sleep; by default the page's. */
  constructor(now: () => number = localNowMs, wallNow: () => number = () => Date.now()) {
    this.#localNowMs = now;
    this.#wallNowMs = wallNow;
  }

  /**
   * Runs `rounds` exchanges, one after the other. `ask` sends `t0_ms` to the server and returns its answer.
   *
   * @throws whatever `ask` throws; earlier samples still count.
   */
  async sync(ask: (t0Ms: number) => Promise<ClockAnswer>, rounds = 5): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const answer = await ask(this.#localNowMs());
      this.add(clockSample(answer, this.#localNowMs()));
    }
  }

  /** Adds one sample. */
  add(sample: ClockSample): void {
    if (this.isOutdated) this.#samples = [];
    this.#partMs = this.#wallNowMs() - this.#localNowMs();
    this.#exchanges++;
    const best = this.#best();
    // Two correct samples differ by no more than half their round trips. A larger difference means that a clock stood
    // still or was set in between.
    const jumped =
      best !== undefined &&
      Math.abs(sample.offsetMs - best.offsetMs) > (sample.roundTripMs + best.roundTripMs) / 2 + DRIFT_MS;
    this.#samples = [...(jumped ? [] : this.#samples), sample].slice(-REMEMBERED);
  }

  /** Forgets all samples, because the next ones come from another server. */
  reset(): void {
    this.#samples = [];
  }

  /** Whether the local clock stood still or was set since the last exchange, so that a new exchange is due. */
  get isOutdated(): boolean {
    return this.#samples.length > 0 && Math.abs(this.#wallNowMs() - this.#localNowMs() - this.#partMs) > PARTED_MS;
  }

  /** The number of exchanges so far. */
  get exchanges(): number {
    return this.#exchanges;
  }

  /** How far the server's clock is ahead of the local one; undefined before the first sample, and while outdated. */
  get offsetMs(): number | undefined {
    return this.isOutdated ? undefined : this.#best()?.offsetMs;
  }

  /** The largest possible error of {@link offsetMs}: half the shortest round trip. */
  get uncertaintyMs(): number | undefined {
    const best = this.#best();
    return best && best.roundTripMs / 2;
  }

  /** The server's time when the local clock shows `localMs` (now by default); undefined if the offset is unknown. */
  serverMs(localMs: number = this.#localNowMs()): number | undefined {
    const offset = this.offsetMs;
    return offset === undefined ? undefined : localMs + offset;
  }

  #best(): ClockSample | undefined {
    return this.#samples.reduce<ClockSample | undefined>(
      (best, sample) => (best === undefined || sample.roundTripMs < best.roundTripMs ? sample : best),
      undefined,
    );
  }
}
