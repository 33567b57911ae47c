// Keeps the playhead of a media element on the timeline: small errors by playing up to 2 % faster or slower at the same
// pitch, large ones by a jump. It measures, corrects for as long as the error takes at that rate, and measures again.
// It does not correct continuously, because that would oscillate: browsers report the position in steps (Firefox: 40
// ms), and changes of the rate show late. A change of the rate may itself cost time (Chromium loses 24 ms per
// correction, because its time stretching restarts), so the cost of corrections is learnt. Milliseconds throughout; no
// clock.

/** Limits of the rate, inaudible while the pitch is kept. */
const RATE = { most: 0.02, least: 0.005 };
/** Smaller errors are not corrected, because measurements are not more exact. */
const QUIET_MS = 8;
/** Larger errors are corrected by a jump, because changing the rate would take too long. */
const JUMP_MS = 150;
/** Just after a start a jump is hardly noticed, so its threshold is lower. */
const FRESH = { ms: 4_000, jumpMs: 70 };
/** The reported position is unreliable for this long after a start, a jump or a change of the rate. */
const SETTLE_MS = 300;
/** Duration of a measurement before a correction; shorter after a start. */
const WINDOW = { ms: 1_400, freshMs: 500, fewest: 8 };
/** Longest correction before a new measurement. */
const LONGEST_MS = 5_000;
/** Reported positions are never ahead of the true one, but up to a step behind, so the earliest samples count. */
const EARLIEST = 0.1;
/** If the error after a correction is at least `fromMs`, `share` of it is added to the learnt cost. */
const LEARNS = { fromMs: 16, share: 0.7 };
/** Shortest correction, because browsers ignore shorter ones. */
const SHORTEST_MS = 100;
/** Shortest time between jumps. */
const JUMP_PAUSE_MS = 5_000;

/** A correction to carry out. */
export type Correction = { kind: 'rate'; rate: number } | { kind: 'jump'; lateMs: number };

/** Measures and corrects one media element. */
export class Drift {
  #samples: { atMs: number; lateMs: number }[] = [];
  #rate = 1;
  #startedAtMs = -Infinity;
  #settledAtMs = -Infinity;
  #correctedAtMs = -Infinity;
  #jumpedAtMs = -Infinity;
  #lateMs: number | undefined;
  /** The learnt cost of a correction: how much later the playhead ends up than expected. */
  #costMs = 0;
  /** Whether a finished correction has not been measured yet. */
  #learns = false;
  readonly #cutMs: number;
  /** Sound that was dropped since the last start. */
  #droppedMs = 0;

  /** At the end of each correction the browser drops `cutMs` of sound and does not count it in the position. */
  constructor(cutMs = 0) {
    this.#cutMs = cutMs;
  }

  /** Lateness of the playhead, negative if early; undefined before it is known. */
  get lateMs(): number | undefined {
    return this.#lateMs;
  }

  /** Playback started, or landed after a jump. */
  started(nowMs: number): void {
    this.#startedAtMs = nowMs;
    this.#rate = 1;
    this.#learns = false;
    this.#droppedMs = 0;
    this.#settle(nowMs);
    this.#lateMs = undefined;
  }

  /** Records a lateness of the playhead, by the position that the browser reports. Returns the correction to make. */
  observe(toldLateMs: number, nowMs: number): Correction {
    if (this.#rate !== 1 && nowMs >= this.#correctedAtMs) {
      this.#rate = 1;
      this.#droppedMs += this.#cutMs;
      this.#settle(nowMs);
    }
    if (nowMs < this.#settledAtMs) return this.#same;
    this.#samples.push({ atMs: nowMs, lateMs: toldLateMs - this.#droppedMs });
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

  /** Whether there are enough samples. During a correction the samples move, so only its end matters. */
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
    const amountMs = lateMs + this.#costMs - this.#cutMs;
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

/** How much before its time a start must be triggered, learnt from earlier starts. */
export class Lead {
  #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get ms(): number {
    return this.#ms;
  }

  /** Records that a start with this lead was `lateMs` late. */
  learn(lateMs: number): void {
    this.#ms = Math.min(400, Math.max(0, this.#ms + lateMs * 0.5));
  }
}
