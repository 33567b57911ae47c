// Keeps the playhead of a media element where the timeline has it: small distances by playing up to 2 % faster or slower, with the pitch
// kept, large ones by a jump. It measures, corrects for as long as the distance takes at that rate, and measures again: what browsers
// tell of the position comes in steps (Firefox: 40 ms) and follows a change of the rate late, so a controller that corrects all the
// time would swing. A change of the rate may itself cost time (Chromium loses 24 ms with each correction, because its stretching of time
// starts anew), so what corrections cost is learnt. Milliseconds throughout; it owns no clock.

/** Limits of the rate: a listener does not hear it while the pitch is kept. */
const RATE = { most: 0.02, least: 0.005 };
/** Distances below this stay: measuring is not better. */
const QUIET_MS = 8;
/** A distance above this takes a jump: by rate it would take too long. */
const JUMP_MS = 150;
/** Just after a start a jump is hardly noticed. */
const FRESH = { ms: 4_000, jumpMs: 70 };
/** Until the position can be believed after a start, a jump or a change of the rate. */
const SETTLE_MS = 300;
/** How long is measured before a correction: shorter after a start. */
const WINDOW = { ms: 1_400, freshMs: 500, fewest: 8 };
/** Longest correction before it is measured again. */
const LONGEST_MS = 5_000;
/** A position that browsers tell is never ahead of the true one, but up to a step late: of the distances the earliest ones count. */
const EARLIEST = 0.1;
/** An error left by a correction counts as its cost from `fromMs` on, by `share` of it. */
const LEARNS = { fromMs: 16, share: 0.7 };
/** Shortest correction: browsers ignore shorter ones. */
const SHORTEST_MS = 100;
/** Between jumps. */
const JUMP_PAUSE_MS = 5_000;

/** What to do. */
export type Correction = { kind: 'rate'; rate: number } | { kind: 'jump'; lateMs: number };

/** See the head of the file. */
export class Drift {
  #samples: { atMs: number; lateMs: number }[] = [];
  #rate = 1;
  #startedAtMs = -Infinity;
  #settledAtMs = -Infinity;
  #correctedAtMs = -Infinity;
  #jumpedAtMs = -Infinity;
  #lateMs: number | undefined;
  /** The cost of a correction: how much later the playhead is after one than its rate says. */
  #costMs = 0;
  /** A correction ran to its end, and its result has not been measured yet. */
  #learns = false;

  /** How late the playhead is, negative if early; undefined before it is known. */
  get lateMs(): number | undefined {
    return this.#lateMs;
  }

  /** Playback started, or landed after a jump. */
  started(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#rate = 1;
    this.#learns = false;
    this.#settle(nowMs);
    this.#lateMs = undefined;
  }

  /** The playhead was found so late just now; what is to be done about it. */
  observe(lateMs: number, nowMs: number): Correction {
    if (this.#rate !== 1 && nowMs >= this.#correctedAtMs) {
      this.#rate = 1;
      this.#settle(nowMs);
    }
    if (nowMs < this.#settledAtMs) return this.#same;
    this.#samples.push({ atMs: nowMs, lateMs });
    this.#samples = this.#samples.filter(({ atMs }) => atMs > nowMs - WINDOW.ms);
    if (!this.#isMeasured(nowMs)) return this.#same;
    const found = this.#earliest();
    this.#lateMs = found;
    if (this.#learns && this.#rate === 1) {
      this.#learns = false;
      if (Math.abs(found) > LEARNS.fromMs) this.#costMs += found * LEARNS.share;
    }
    if (Math.abs(found) > this.#jumpLimit(nowMs) && nowMs - this.#jumpedAtMs > JUMP_PAUSE_MS) {
      this.#jumpedAtMs = nowMs;
      this.started(nowMs);
      return { kind: 'jump', lateMs: found };
    }
    if (this.#rate === 1 && Math.abs(found) > QUIET_MS) this.#correct(found, nowMs);
    return this.#same;
  }

  get #same(): Correction {
    return { kind: 'rate', rate: this.#rate };
  }

  /** In a correction the samples move; only how far they are in the end matters. */
  #isMeasured(nowMs: number): boolean {
    const oldestMs = this.#samples[0]?.atMs ?? nowMs;
    const isFresh = nowMs - this.#startedAtMs < FRESH.ms;
    const windowMs = isFresh ? WINDOW.freshMs : WINDOW.ms * 0.9;
    return this.#samples.length >= WINDOW.fewest && nowMs - oldestMs >= windowMs;
  }

  #earliest(): number {
    const sorted = this.#samples.map(({ lateMs }) => lateMs).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * EARLIEST)] ?? 0;
  }

  #jumpLimit(nowMs: number): number {
    return nowMs - this.#startedAtMs < FRESH.ms ? FRESH.jumpMs : JUMP_MS;
  }

  #correct(lateMs: number, nowMs: number): void {
    const amountMs = lateMs + this.#costMs;
    const size = Math.min(RATE.most, Math.max(RATE.least, Math.round(Math.abs(amountMs) / 5) / 200));
    const forMs = Math.max(SHORTEST_MS, Math.abs(amountMs) / size);
    this.#rate = 1 + (amountMs < 0 ? -size : size);
    this.#correctedAtMs = nowMs + Math.min(LONGEST_MS, forMs);
    this.#learns = forMs <= LONGEST_MS;
    this.#settle(nowMs);
  }

  #settle(nowMs: number): void {
    this.#settledAtMs = nowMs + SETTLE_MS;
    this.#samples = [];
  }
}

/** How much earlier than its time something has to be begun; learnt from how late it came the times before. */
export class Lead {
  #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get ms(): number {
    return this.#ms;
  }

  /** It came so late although it was begun this much earlier. */
  learn(lateMs: number): void {
    this.#ms = Math.min(400, Math.max(0, this.#ms + lateMs * 0.5));
  }
}
