// Keeps the playhead near the live edge: decides, several times a second, how fast to play and where to jump.
//
// It steers the delay `now - position` towards what the arrival meter asks for plus a margin. Unlike the length of
// the buffer, which jumps up with each chunk and runs down until the next, this delay stands still while playback
// does its work, so small corrections are enough: a little faster when behind, a little slower when too close. It
// jumps where no speed helps: on joining, over holes, and when far behind. Milliseconds throughout; it owns no clock.

import { ArrivalMeter } from './arrival';

/** Kept beyond what arrivals ask for: decoding, and the sound card's own buffer. */
const MARGIN_MS = 90;
/** Added to the margin by each stall, up to a bound; given back slowly after a quiet while. */
const STALL_MARGIN = { stepMs: 60, mostMs: 480, quietMs: 10_000, givenBackPerMs: 0.005 };
/** Media kept ahead when starting, before live arrivals say how much is needed. */
const START_AHEAD_MS = 250;
/** Corrections start at the first and stop at the second distance from the wanted delay. */
const CORRECTION = { startsAtMs: 40, stopsAtMs: 10 };
/** Change of speed per millisecond of distance, and its limits: hardly heard, and 100 ms are caught up in 2 s. */
const SPEED = { perMs: 0.0006, slowest: 0.94, fastest: 1.1 };
/** Behind by more than this, catching up by speed would take too long. */
const JUMP_BEHIND_MS = 2_500;
/** Just after joining a jump is not noticed, so it comes sooner. */
const JUMP_BEHIND_WHILE_SETTLING_MS = 700;
const SETTLING_MS = 3_000;
/** A jump must gain at least this, and has this long to take effect. */
const JUMP = { gainMs: 300, patienceMs: 700 };
/** A range that ends this close to the playhead is used up. */
const USED_UP_MS = 60;

/** A stretch of playable media. */
export interface Range {
  startMs: number;
  endMs: number;
}

/** What the player sees when it asks. */
export interface View {
  /** Local clock, monotonic. */
  nowMs: number;
  positionMs: number;
  /** Where the newest chunk ends, by its header. */
  edgeMs: number;
  /** Playable stretches, in order. */
  ranges: readonly Range[];
  /** Whether the person wants to go on at the live edge at once: pressed play, came back to the page. */
  jump: boolean;
}

/** What to do now. */
export type Decision = { kind: 'play'; rate: number } | { kind: 'seek'; toMs: number } | { kind: 'wait' };

const WAIT: Decision = { kind: 'wait' };

/** The controller; one per media source, or {@link LiveEdge.reset} between them. */
export class LiveEdge {
  readonly #meter = new ArrivalMeter();
  #joinedAtMs: number | undefined;
  #startDelayMs = 0;
  #jumpedAtMs = -Infinity;
  #longestChunkMs = 0;
  #correcting = false;
  #stallMarginMs = 0;
  #stalledAtMs = -Infinity;

  /** A chunk arrived. */
  arrived(startMs: number, endMs: number, nowMs: number): void {
    this.#meter.arrived(startMs, endMs, nowMs);
    if (this.#joinedAtMs === undefined) this.#longestChunkMs = Math.max(this.#longestChunkMs, endMs - startMs);
  }

  /** Playback ran out of media although the stream is live. */
  stalled(nowMs: number): void {
    this.#stallMarginMs = Math.min(STALL_MARGIN.mostMs, this.#stallMarginAt(nowMs) + STALL_MARGIN.stepMs);
    this.#stalledAtMs = nowMs;
  }

  /** The next chunks were waiting at a node: their lateness says nothing about the network. */
  expectBacklog(): void {
    this.#meter.expectBacklog();
  }

  /** The take changed: its timestamps relate to the clock in another way. */
  expectNewTake(): void {
    this.#meter.reset();
    this.#joinedAtMs = undefined;
  }

  /** Media time starts anew; what was learnt from stalls stays. */
  reset(): void {
    this.expectNewTake();
    this.#longestChunkMs = 0;
    this.#jumpedAtMs = -Infinity;
  }

  /** How far the playhead should be behind `now`; undefined before the first {@link LiveEdge.decide}. */
  wantedDelayMs(nowMs: number): number | undefined {
    if (this.#joinedAtMs === undefined) return undefined;
    const needed = this.#meter.neededDelayMs;
    return needed === undefined ? this.#startDelayMs : needed + MARGIN_MS + this.#stallMarginAt(nowMs);
  }

  /** What to do, seen from `view`. */
  decide(view: View): Decision {
    const last = view.ranges.at(-1);
    if (last === undefined) return WAIT;
    const joining = this.#joinedAtMs === undefined;
    if (joining) this.#join(view);
    const wanted = this.wantedDelayMs(view.nowMs) ?? 0;
    const behindMs = view.nowMs - view.positionMs - wanted;
    const current = view.ranges.find((range) => contains(range, view.positionMs));

    if (current === undefined) return this.#enter(view, wanted);
    if (view.nowMs - this.#jumpedAtMs < JUMP.patienceMs) return this.#play(0);
    if (view.jump || behindMs > this.#jumpLimit(view.nowMs)) {
      const toMs = within(last, view.nowMs - wanted, view.edgeMs);
      if (toMs - view.positionMs > JUMP.gainMs) return this.#seek(toMs, view.nowMs);
    }
    const next = view.ranges.find((range) => range.startMs > view.positionMs);
    if (next !== undefined && current.endMs - view.positionMs < USED_UP_MS) {
      return this.#seek(within(next, view.nowMs - wanted, view.edgeMs), view.nowMs);
    }
    return this.#play(behindMs);
  }

  /** From outside every range: to the wanted place, or to the next one that has something. */
  #enter(view: View, wanted: number): Decision {
    const ahead = view.ranges.find((range) => range.startMs > view.positionMs);
    const last = view.ranges.at(-1);
    // Past all media: it is still to come. Never go back for it, except to join.
    const range = ahead ?? (this.#jumpedAtMs === -Infinity ? last : undefined);
    if (range === undefined || view.nowMs - this.#jumpedAtMs < JUMP.patienceMs) return WAIT;
    const worth = view.nowMs - wanted > range.endMs && last !== undefined ? last : range;
    return this.#seek(within(worth, view.nowMs - wanted, view.edgeMs), view.nowMs);
  }

  #join(view: View): void {
    this.#joinedAtMs = view.nowMs;
    const ahead = Math.max(START_AHEAD_MS, this.#longestChunkMs + MARGIN_MS);
    this.#startDelayMs = view.nowMs - view.edgeMs + ahead;
  }

  #seek(toMs: number, nowMs: number): Decision {
    this.#jumpedAtMs = nowMs;
    this.#correcting = false;
    return { kind: 'seek', toMs };
  }

  #play(behindMs: number): Decision {
    const distance = Math.abs(behindMs);
    this.#correcting = distance > (this.#correcting ? CORRECTION.stopsAtMs : CORRECTION.startsAtMs);
    const rate = this.#correcting ? 1 + behindMs * SPEED.perMs : 1;
    const limited = Math.min(SPEED.fastest, Math.max(SPEED.slowest, rate));
    return { kind: 'play', rate: Math.round(limited * 100) / 100 };
  }

  #jumpLimit(nowMs: number): number {
    const settling = nowMs - (this.#joinedAtMs ?? 0) < SETTLING_MS;
    return settling ? JUMP_BEHIND_WHILE_SETTLING_MS : JUMP_BEHIND_MS;
  }

  #stallMarginAt(nowMs: number): number {
    const quietMs = Math.max(0, nowMs - this.#stalledAtMs - STALL_MARGIN.quietMs);
    return Math.max(0, this.#stallMarginMs - quietMs * STALL_MARGIN.givenBackPerMs);
  }
}

function contains(range: Range, positionMs: number): boolean {
  return range.startMs <= positionMs && positionMs <= range.endMs;
}

/** The place in `range` nearest to `wantedMs` from which something is left to play before the live edge. */
function within(range: Range, wantedMs: number, edgeMs: number): number {
  const latest = Math.max(range.startMs, Math.min(range.endMs, edgeMs) - MARGIN_MS);
  // A millisecond inside, where rounding cannot put it before the range.
  return Math.min(Math.max(wantedMs, range.startMs + 1), Math.max(latest, range.startMs + 1));
}
