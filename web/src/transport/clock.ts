// The server's clock, seen from here, by the exchange of four timestamps that NTP uses (RFC 5905, section 8).
// Of several exchanges the one with the shortest round trip is believed: its error is at most half that trip.

import type { ClockAnswer } from '../protocol/event';

/** One exchange: how far the server's clock is ahead of ours, and how long the trip there and back took. */
export interface ClockSample {
  offsetMs: number;
  roundTripMs: number;
}

/** The sample of an exchange that ended at `t3Ms` of our clock. */
export function clockSample(answer: ClockAnswer, t3Ms: number): ClockSample {
  const { t0_ms, t1_ms, t2_ms } = answer;
  return {
    offsetMs: (t1_ms - t0_ms + (t2_ms - t3Ms)) / 2,
    roundTripMs: t3Ms - t0_ms - (t2_ms - t1_ms),
  };
}

/** Milliseconds since the Unix epoch, never stepping back: the local clock of a page. */
export function localNowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** How many of the newest samples compete, so that a drifting clock is followed. */
const REMEMBERED = 16;
/** How far two clocks may drift apart while samples are remembered. */
const DRIFT_MS = 20;

/** How far the two local clocks may part between exchanges: more means that the computer slept, or was set. */
const PARTED_MS = 200;

/**
 * An estimate of a server's clock. It is carried on by the local clock, which may stand still while the computer sleeps:
 * once that shows, nothing is known until the next exchange.
 */
export class ServerClock {
  readonly #localNowMs: () => number;
  readonly #wallNowMs: () => number;
  #samples: ClockSample[] = [];
  #exchanges = 0;
  /** The wall clock minus the local one at the last exchange. */
  #partMs = 0;

  /** `now` is the local clock, `wallNow` one that goes on during sleep; by default the page's. */
  constructor(now: () => number = localNowMs, wallNow: () => number = () => Date.now()) {
    this.#localNowMs = now;
    this.#wallNowMs = wallNow;
  }

  /**
   * Runs `rounds` exchanges, one after the other. `ask` sends `t0_ms` to the server and gives its answer.
   *
   * @throws whatever `ask` throws; samples made before count all the same.
   */
  async sync(ask: (t0Ms: number) => Promise<ClockAnswer>, rounds = 5): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const answer = await ask(this.#localNowMs());
      this.add(clockSample(answer, this.#localNowMs()));
    }
  }

  /** Takes one more sample into account. */
  add(sample: ClockSample): void {
    if (this.isOutdated) this.#samples = [];
    this.#partMs = this.#wallNowMs() - this.#localNowMs();
    this.#exchanges++;
    const best = this.#best();
    // Two honest samples differ by no more than half their round trips: a clock stood still or was set in between.
    const jumped =
      best !== undefined &&
      Math.abs(sample.offsetMs - best.offsetMs) > (sample.roundTripMs + best.roundTripMs) / 2 + DRIFT_MS;
    this.#samples = [...(jumped ? [] : this.#samples), sample].slice(-REMEMBERED);
  }

  /** Forgets everything: the next samples come from another server. */
  reset(): void {
    this.#samples = [];
  }

  /** Whether the local clock stood still, or was set, since the last exchange: time for another. */
  get isOutdated(): boolean {
    return this.#samples.length > 0 && Math.abs(this.#wallNowMs() - this.#localNowMs() - this.#partMs) > PARTED_MS;
  }

  /** How many exchanges there were. */
  get exchanges(): number {
    return this.#exchanges;
  }

  /** How far the server is ahead of us; none before the first sample, and while outdated. */
  get offsetMs(): number | undefined {
    return this.isOutdated ? undefined : this.#best()?.offsetMs;
  }

  /** How wrong {@link offsetMs} can be: half the shortest round trip. */
  get uncertaintyMs(): number | undefined {
    const best = this.#best();
    return best && best.roundTripMs / 2;
  }

  /** The server's time when our clock shows `localMs` (now by default); none where the offset is not known. */
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
