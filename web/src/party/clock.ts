// The server's clock, by the exchange of four timestamps (transport/clock.ts), closely enough to play together. Of the exchanges of some
// minutes those with the shortest trips count: a packet that waited in a queue tells less. A line through them follows clocks that run
// at different speeds. The local clock may be hours off, and may stand still while the computer sleeps: then nothing is known until the
// next exchanges, which come at once.

import type { ClockAnswer } from '../protocol/event';
import { clockSample, localNowMs, type ClockSample } from '../transport/clock';
import type { Timers } from './timers';

/** How old exchanges may be, and how many there are at most. */
const REMEMBERED = { ms: 300_000, most: 64 };
/** Of the exchanges the share with the shortest trips that count, and the fewest. */
const COUNTED = { share: 0.25, least: 3 };
/** What a timestamp is good for at best, ms, and how much a longer trip takes from that. */
const NOISE = { ms: 1, perTripMs: 0.25 };
/** By how much clocks of computers usually differ in speed. */
const SLOPE = 30e-6;
/** How far the two local clocks may part between exchanges: more means that the computer slept, or was set. */
const PARTED_MS = 200;
/** Two honest exchanges differ by no more than half their trips, and this. */
const AGREES_MS = 20;

/** An exchange, by when it ended on the local clock. */
interface TimedSample extends ClockSample {
  atMs: number;
}

/** A line through exchanges: what the server is ahead of the local clock. */
export class ClockLine {
  #samples: TimedSample[] = [];
  #offsetMs = 0;
  #slope = 0;
  #fromMs = 0;

  get isKnown(): boolean {
    return this.#samples.length > 0;
  }

  /** Half the shortest trip: how wrong the line can be. */
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

  /** Least squares with weights; that the slope is small counts like an exchange. */
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

/** What a clock works with; a test brings its own. */
export interface PartyClockSetup {
  /** Sends `t0_ms` to the server and gives its answer. */
  ask: (t0Ms: number, signal: AbortSignal) => Promise<ClockAnswer>;
  timers: Timers;
  /** Monotonic; it may stand still while the computer sleeps. */
  now?: () => number;
  /** One that goes on during sleep, and may be set. */
  wallNow?: () => number;
  /** The computer slept, or its clock was set. */
  slept?: () => void;
}

/** The first exchanges in a row, and the pauses between those, between later ones, and while the clock is not known. */
const BURST = { exchanges: 8, everyMs: 120 };
const LATER_MS = 5_000;
const UNKNOWN_MS = 1_000;

/** See the head of the file. */
export class PartyClock {
  readonly #setup: PartyClockSetup;
  readonly #now: () => number;
  readonly #wallNow: () => number;
  readonly #line = new ClockLine();
  readonly #closed = new AbortController();
  /** The wall clock minus the local one at the last exchange. */
  #partMs = 0;
  #left = BURST.exchanges;
  #isOpen = false;

  constructor(setup: PartyClockSetup) {
    this.#setup = setup;
    this.#now = setup.now ?? localNowMs;
    this.#wallNow = setup.wallNow ?? (() => Date.now());
  }

  /** Asks from now on, until it is closed; a second call changes nothing. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    void this.#run();
  }

  close(): void {
    this.#closed.abort();
  }

  /** The server's time when the local clock shows `localMs`; undefined while it is not known. */
  serverMs(localMs: number = this.#now()): number | undefined {
    return this.#line.isKnown && !this.#isOutdated ? localMs + this.#line.offsetAt(localMs) : undefined;
  }

  /** When the local clock will show what is `serverMs` for the server. */
  localMs(serverMs: number): number | undefined {
    const nowMs = this.#now();
    const now = this.serverMs(nowMs);
    return now === undefined ? undefined : nowMs + serverMs - now;
  }

  /** How wrong it can be; undefined while nothing is known. */
  get uncertaintyMs(): number | undefined {
    return this.#line.isKnown ? this.#line.uncertaintyMs : undefined;
  }

  /** The computer slept, or a clock was set, since the last exchange. */
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
    // The local clock may have stopped meanwhile: the exchange is worth nothing then.
    if (Math.abs(this.#apartMs - beforeMs) > PARTED_MS) {
      this.#forget();
      return;
    }
    this.#partMs = this.#apartMs;
    this.#line.add({ ...clockSample(answer, atMs), atMs });
  }

  /** The computer slept, or a clock was set: starts again from nothing, at once. */
  #forget(): void {
    this.#line.reset();
    this.#left = BURST.exchanges;
    this.#partMs = this.#apartMs;
    this.#setup.slept?.();
  }

  /** Ends early where the computer slept meanwhile. */
  async #pause(ms: number): Promise<void> {
    const until = this.#now() + ms;
    while (!this.#closed.signal.aborted && this.#now() < until) {
      if (this.#line.isKnown && this.#isOutdated) return;
      await new Promise<void>((resolve) => this.#setup.timers.after(Math.min(500, until - this.#now()), resolve));
    }
  }
}
