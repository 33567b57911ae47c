// Estimates the server's clock by the exchange of four timestamps (transport/clock.ts), exactly enough for synchronised
// playback. Of the exchanges of the last minutes, those with the shortest trips count, because queued packets are less
// exact. A line fitted through them follows clocks that run at different speeds. The local clock may be hours off, and
// may stand still while the computer sleeps: then nothing is known until the next exchanges, which follow at once.

import type { ClockAnswer } from '../protocol/event';
import { clockSample, localNowMs, type ClockSample } from '../transport/clock';
import type { Timers } from './timers';

/** How long an exchange counts, and how many are kept. */
const REMEMBERED = { ms: 300_000, most: 64 };
/** The share of exchanges, those with the shortest trips, that count; and the minimum. */
const COUNTED = { share: 0.25, least: 3 };
/** Best-case error of a timestamp, ms, and how much a longer trip adds. */
const NOISE = { ms: 1, perTripMs: 0.25 };
/** Typical difference in speed between clocks of computers. */
const SLOPE = 30e-6;
/**
 * How far the two local clocks may diverge between exchanges. A larger gap means that the computer slept, or its clock
 * was set.
 */
const PARTED_MS = 200;
/** Two correct exchanges differ by no more than half their trips plus this. */
const AGREES_MS = 20;

/** An exchange, with the local time at which it ended. */
interface TimedSample extends ClockSample {
  atMs: number;
}

/** A line through exchanges: the server's clock minus the local one. */
export class ClockLine {
  #samples: TimedSample[] = [];
  #offsetMs = 0;
  #slope = 0;
  #fromMs = 0;

  get isKnown(): boolean {
    return this.#samples.length > 0;
  }

  /** Half the shortest trip: the largest possible error of the line. */
  get uncertaintyMs(): number {
    return Math.min(...this.#samples.map(({ roundTripMs }) => roundTripMs)) / 2;
  }

  offsetAt(localMs: number): number {
    return this.#offsetMs + this.#slope * (localMs - this.#fromMs);
  }

  add(sample: TimedSample): void {
    const apart = Math.abs(sample.offsetMs - this.offsetAt(sample.atMs));
    const isOther = this.isKnown && apart > sample.roundTripMs / 2 + this.uncertaintyMs + AGREES_MS;
    const kept = isOther ? [] : this.#samples.filter(({ atMs }) => atMs > sample.atMs - REMEMBERED.ms);
    this.#samples = [...kept, sample].slice(-REMEMBERED.most);
    this.#fit();
  }

  reset(): void {
    this.#samples = [];
  }

  /** Weighted least squares; the prior that the slope is small counts like an exchange. */
  #fit(): void {
    const newestMs = this.#samples.at(-1)?.atMs ?? 0;
    const doubt = ({ roundTripMs, atMs }: TimedSample): number => roundTripMs + (newestMs - atMs) * SLOPE;
    const byDoubt = [...this.#samples].sort((a, b) => doubt(a) - doubt(b));
    const counted = byDoubt.slice(0, Math.max(COUNTED.least, Math.ceil(byDoubt.length * COUNTED.share)));
    const shortestMs = Math.min(...counted.map(({ roundTripMs }) => roundTripMs));
    const sum = { w: 0, x: 0, y: 0, xx: 1 / SLOPE ** 2, xy: 0 };
    const baseMs = byDoubt[0]?.offsetMs ?? 0;
    for (const { atMs, offsetMs, roundTripMs } of counted) {
      const w = 1 / (NOISE.ms + NOISE.perTripMs * (roundTripMs - shortestMs)) ** 2;
      const [x, y] = [atMs - newestMs, offsetMs - baseMs];
      sum.w += w;
      sum.x += w * x;
      sum.y += w * y;
      sum.xx += w * x * x;
      sum.xy += w * x * y;
    }
    this.#slope = (sum.w * sum.xy - sum.x * sum.y) / (sum.w * sum.xx - sum.x ** 2);
    this.#offsetMs = baseMs + (sum.y - this.#slope * sum.x) / sum.w;
    this.#fromMs = newestMs;
  }
}

/** Dependencies and callbacks of a clock; a test passes its own. */
export interface PartyClockSetup {
  /** Sends `t0_ms` to the server and returns its answer. */
  ask: (t0Ms: number, signal: AbortSignal) => Promise<ClockAnswer>;
  timers: Timers;
  /** Monotonic; it may stand still while the computer sleeps. */
  now?: () => number;
  /** A clock that runs during sleep, and may be set. */
  wallNow?: () => number;
  /** Called after the computer slept or its clock was set. */
  slept?: () => void;
}

/** The first exchanges in a row, and the pauses between those, between later ones, and while the clock is unknown. */
const BURST = { exchanges: 8, everyMs: 120 };
const LATER_MS = 5_000;
const UNKNOWN_MS = 1_000;

/** The server's clock for a party. */
export class PartyClock {
  readonly #setup: PartyClockSetup;
  readonly #now: () => number;
  readonly #wallNow: () => number;
  readonly #line = new ClockLine();
  readonly #closed = new AbortController();
  /** The wall clock minus the local clock at the last exchange. */
  #partMs = 0;
  #left = BURST.exchanges;
  #isOpen = false;

  constructor(setup: PartyClockSetup) {
    this.#setup = setup;
    this.#now = setup.now ?? localNowMs;
    this.#wallNow = setup.wallNow ?? (() => Date.now());
  }

  /** Starts the exchanges; a second call has no effect. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    void this.#run();
  }

  close(): void {
    this.#closed.abort();
  }

  /** The server's time when the local clock shows `localMs`; undefined while unknown. */
  serverMs(localMs: number = this.#now()): number | undefined {
    return this.#line.isKnown && !this.#isOutdated ? localMs + this.#line.offsetAt(localMs) : undefined;
  }

  /** The local time at which the server's clock shows `serverMs`. */
  localMs(serverMs: number): number | undefined {
    const nowMs = this.#now();
    const now = this.serverMs(nowMs);
    return now === undefined ? undefined : nowMs + serverMs - now;
  }

  /** The largest possible error; undefined while unknown. */
  get uncertaintyMs(): number | undefined {
    return this.#line.isKnown ? this.#line.uncertaintyMs : undefined;
  }

  /** Whether the computer slept, or a clock was set, since the last exchange. */
  get #isOutdated(): boolean {
    return Math.abs(this.#apartMs - this.#partMs) > PARTED_MS;
  }

  /** The wall clock minus the local one. */
  get #apartMs(): number {
    return this.#wallNow() - this.#now();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      if (this.#line.isKnown && this.#isOutdated) this.#forget();
      await this.#exchange(signal).catch(() => undefined);
      this.#left = Math.max(0, this.#left - 1);
      const laterMs = this.#line.isKnown ? LATER_MS : UNKNOWN_MS;
      await this.#pause(this.#left > 0 ? BURST.everyMs : laterMs);
    }
  }

  async #exchange(signal: AbortSignal): Promise<void> {
    const beforeMs = this.#apartMs;
    const answer = await this.#setup.ask(this.#now(), signal);
    const atMs = this.#now();
    // If the local clock stopped meanwhile, the exchange is worthless.
    if (Math.abs(this.#apartMs - beforeMs) > PARTED_MS) {
      this.#forget();
      return;
    }
    this.#partMs = this.#apartMs;
    this.#line.add({ ...clockSample(answer, atMs), atMs });
  }

  /** Restarts from nothing, because the computer slept or a clock was set. */
  #forget(): void {
    this.#line.reset();
    this.#left = BURST.exchanges;
    this.#partMs = this.#apartMs;
    this.#setup.slept?.();
  }

  /** Waits; ends early if the computer slept meanwhile. */
  async #pause(ms: number): Promise<void> {
    const until = this.#now() + ms;
    while (!this.#closed.signal.aborted && this.#now() < until) {
      if (this.#line.isKnown && this.#isOutdated) return;
      await new Promise<void>((resolve) => this.#setup.timers.after(Math.min(500, until - this.#now()), resolve));
    }
  }
}
