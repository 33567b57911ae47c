// Keeps the playhead near the live edge: decides, several times a second, how fast to play and where to jump.
//
// It steers the delay `now - position` towards the demand of the arrival meter plus a margin. The length of the buffer
// jumps up with each chunk and runs down until the next, but this delay is constant during normal playback, so small
// corrections suffice: slightly faster when behind, slightly slower when too close. It jumps where speed does not help:
// on joining, over gaps, and when far behind. It lets each jump finish, and catches up by speed if another jump would
// cost more than it gains. Milliseconds throughout; no clock.

import { ArrivalMeter } from './arrival';
import { Brake } from './brake';
import { JumpCost, LONGEST_JUMP_MS } from './jump-cost';

/**
 * Margin beyond the demand of arrivals: for decoding, the sound card's buffer, and hiccups a little larger than known.
 */
const MARGIN_MS = 100;
/**
 * A stall adds to the margin, up to a limit; the addition shrinks slowly after a quiet period. Stalls in quick
 * succession count once.
 */
const STALL_MARGIN = { stepMs: 40, mostMs: 480, rowMs: 2_000, quietMs: 10_000, givenBackPerMs: 0.005 };
/** Media kept ahead at the start, before live arrivals show how much is needed. */
const START_AHEAD_MS = 220;
/** A longer chunk means that the stream arrives in bursts; a start must leave room for the next one. */
const LUMP_MS = 500;
/** Corrections start at the first and stop at the second distance from the wanted delay. */
const CORRECTION = { startsAtMs: 40, stopsAtMs: 10 };
/** Change of speed per millisecond of distance: 100 ms are caught up in about 2 s. */
const SPEED_PER_MS = 0.0006;
/** Just after joining a jump is not noticed, so a smaller distance suffices for it. */
const JUMP_BEHIND_WHILE_SETTLING_MS = 700;
const SETTLING_MS = 3_000;
/** A jump must gain at least `gainMs` and `gainTimes` its cost; it has `patienceMs` to take effect. */
const JUMP = { gainMs: 300, gainTimes: 2, patienceMs: 700 };
/** Upper limit of the speed when jumps are expensive. */
const FASTEST_INSTEAD_OF_JUMPS = 1.25;
/**
 * If playback runs dry with this much media ahead, the decoder is too slow: for a while it plays no faster than media
 * arrives.
 */
const OVERLOAD = { aheadMs: 1_000, lastsMs: 5_000 };
/** In a party: corrections start sooner, a larger lag is jumped, and a larger lead waits. */
const TOGETHER = { startsAtMs: 15, stopsAtMs: 5, jumpBehindMs: 500, waitAheadMs: 250 };
/** A browser finishes a jump only if this much media can be played after its target. */
const LANDING_MS = 250;
/** A picture may be on screen this long before its time, and this long before the page is notified. */
const EARLY_MS = 50;
/** A range that ends this close to the playhead is used up; so is one shorter than LANDING_MS after a stop. */
const USED_UP_MS = 60;
/** A playhead that did not move for this long is stuck. */
const STUCK_MS = 600;
/** If stuck for this long while this much unplayed media has arrived, the media source is broken. */
const STARVED = { stuckMs: 4_000, arrivedMs: 2_000 };

/** Limits of corrections, which depend on the player. */
export interface Pace {
  /** Limits of the speed. */
  slowest: number;
  fastest: number;
  /** A larger lag is jumped, because catching up by speed would take too long. */
  jumpBehindMs: number;
}

/** A <video> keeps the pitch of its sound, so these rates are hardly heard; its jumps interrupt briefly. */
export const VIDEO_PACE: Pace = { slowest: 0.94, fastest: 1.12, jumpBehindMs: 2_000 };

/** A range of playable media. */
export interface Range {
  startMs: number;
  endMs: number;
}

/** The player's state at a decision. */
export interface View {
  /** Local clock, monotonic. */
  nowMs: number;
  positionMs: number;
  /** The end of the newest chunk, from its header. */
  edgeMs: number;
  /** Playable ranges, in order. */
  ranges: readonly Range[];
  /** Whether a jump is in progress. */
  seeking: boolean;
  /** Whether playback ran out of media, and the browser is waiting for as much as it wants before it resumes. */
  dry: boolean;
  /** Media time of the newest picture shown, which may be a little ahead of the playhead; 0 without one. */
  shownMs: number;
  /** Whether to go to the live edge at once, because the person pressed play or returned to the page. */
  jump: boolean;
  /** The delay behind `nowMs` that all members of a party keep; left out for the least possible delay. */
  togetherDelayMs?: number | undefined;
}

/**
 * What to do: play at a rate (0 holds) and decide again after `againInMs` at the latest; jump; change nothing; or
 * restart with a new media source.
 */
export type Decision =
  | { kind: 'play'; rate: number; againInMs: number }
  | { kind: 'seek'; toMs: number }
  | { kind: 'wait' }
  | { kind: 'restart' };

const WAIT: Decision = { kind: 'wait' };

/** The controller. Each media source needs its own, or a {@link LiveEdge.reset}. */
export class LiveEdge {
  readonly #pace: Pace;
  readonly #meter = new ArrivalMeter();
  readonly #brake = new Brake();
  readonly #jumpCost = new JumpCost();
  #joinedAtMs: number | undefined;
  /** Whether any of this media source was played: the playhead then never goes back. */
  #entered = false;
  /** The delay to keep until live arrivals tell more. */
  #startDelayMs: number | undefined;
  #jumpedAtMs = -Infinity;
  #overloadedAtMs = -Infinity;
  #drySinceMs: number | undefined;
  #longestChunkMs = 0;
  #moved = { positionMs: -1, atMs: 0 };
  #correcting = false;
  #stallMarginMs = 0;
  #stalledAtMs = -Infinity;

  constructor(pace: Pace = VIDEO_PACE) {
    this.#pace = pace;
  }

  /** Records a chunk that arrived. `key`: it begins with a keyframe. */
  arrived(startMs: number, endMs: number, nowMs: number, key = false): void {
    if (key) this.#jumpCost.keyframe(startMs);
    this.#meter.arrived(startMs, endMs, nowMs);
    if (this.#joinedAtMs === undefined) this.#longestChunkMs = Math.max(this.#longestChunkMs, endMs - startMs);
  }

  /** Records that playback ran out of media although the stream is live. */
  stalled(nowMs: number): void {
    const stepMs = nowMs - this.#stalledAtMs < STALL_MARGIN.rowMs ? 0 : STALL_MARGIN.stepMs;
    this.#stallMarginMs = Math.min(STALL_MARGIN.mostMs, this.#stallMarginAt(nowMs) + stepMs);
    this.#stalledAtMs = nowMs;
  }

  /** The next chunks were waiting at a node, so their lateness says nothing about the network. */
  expectBacklog(): void {
    this.#meter.expectBacklog();
  }

  /** The take changed, and its timestamps have another relation to the clock. */
  newTake(): void {
    this.#meter.reset();
    this.#startDelayMs = undefined;
    this.#jumpCost.reset();
  }

  /** Media time restarts in a new media source; the margin learnt from stalls stays. */
  reset(): void {
    this.joinAnew();
    this.#entered = false;
  }

  /** The stream is joined again, in the same media source. */
  joinAnew(): void {
    this.#meter.reset();
    this.#joinedAtMs = undefined;
    this.#startDelayMs = undefined;
    this.#longestChunkMs = 0;
    this.#jumpedAtMs = -Infinity;
    this.#jumpCost.forgetJump();
    this.#moved = { positionMs: -1, atMs: 0 };
  }

  /** The delay that the playhead should have; undefined while unknown. */
  wantedDelayMs(nowMs: number): number | undefined {
    const needed = this.#meter.neededDelayMs;
    return needed === undefined ? this.#startDelayMs : needed + MARGIN_MS + this.#stallMarginAt(nowMs);
  }

  /** Decides what to do. */
  decide(view: View): Decision {
    const { nowMs, positionMs } = view;
    const last = view.ranges.at(-1);
    const stuckMs = this.#stuckFor(view);
    const dryMs = this.#dryFor(view);
    this.#jumpCost.look(view.seeking, nowMs);
    const arrivedMs = view.edgeMs - Math.max(positionMs, last?.endMs ?? 0);
    if (stuckMs > STARVED.stuckMs && arrivedMs > STARVED.arrivedMs) return { kind: 'restart' };
    if (last === undefined) return WAIT;
    if (this.#joinedAtMs === undefined) this.#join(view, last);
    if (nowMs - this.#jumpedAtMs < JUMP.patienceMs) return view.seeking ? WAIT : this.#play(0, view);

    // The demand of a new take is unknown yet: continue as before.
    const least = this.wantedDelayMs(nowMs) ?? nowMs - positionMs;
    const isTogether = view.togetherDelayMs !== undefined;
    const wanted = Math.max(view.togetherDelayMs ?? least, least);
    const behindMs = nowMs - positionMs - wanted;
    const current = view.ranges.find((range) => contains(range, positionMs));
    if (current === undefined) return this.#enter(view, wanted);
    this.#entered = true;
    const left = current.endMs - positionMs;
    // Another jump would make the browser start over at the keyframe.
    if (view.seeking && left >= LANDING_MS && nowMs - this.#jumpedAtMs < LONGEST_JUMP_MS) return WAIT;
    if (view.jump || behindMs > this.#jumpLimit(nowMs, isTogether)) {
      const toMs = landing(last, nowMs - wanted, view.edgeMs);
      const gainMs = Math.max(JUMP.gainMs, JUMP.gainTimes * this.#jumpCost.ofMs(toMs));
      if (toMs - positionMs > gainMs) return this.#seek(toMs, nowMs);
    }
    if (view.dry && !view.seeking && left > OVERLOAD.aheadMs) this.#overloadedAtMs = nowMs;
    // A jump makes the browser resume with little media. It targets the current position, so that hardly anything is
    // lost and no picture is repeated. If jumps are expensive, the browser first gets the same time to resume by
    // itself.
    if (view.dry && !view.seeking && left >= LANDING_MS && dryMs >= this.#jumpCost.ofMs(positionMs))
      return this.#seek(Math.max(positionMs + EARLY_MS, view.shownMs) + 1, nowMs);
    const next = view.ranges.find((range) => range.startMs > positionMs);
    if (next !== undefined && (left < USED_UP_MS || (left < LANDING_MS && stuckMs > STUCK_MS))) {
      return this.#seek(landing(next, nowMs - wanted, view.edgeMs), nowMs);
    }
    if (view.seeking) return WAIT;
    if (isTogether && behindMs < -TOGETHER.waitAheadMs) return { kind: 'play', rate: 0, againInMs: -behindMs };
    return this.#play(behindMs, view);
  }

  /** From outside all ranges: jumps to the wanted position, or to the next range. */
  #enter(view: View, wanted: number): Decision {
    const wantedMs = view.nowMs - wanted;
    const ahead = view.ranges.filter((range) => range.endMs > view.positionMs);
    // After all ranges: wait for media. Going back is allowed only for joining.
    const choices = ahead.length > 0 || this.#entered ? ahead : view.ranges.slice(-1);
    const range = choices.find(({ endMs }) => endMs - LANDING_MS >= wantedMs) ?? choices.at(-1);
    if (range === undefined) return WAIT;
    // A joiner's jump may end on media that has not arrived, because starting takes longer than that.
    const leftMs = this.#jumpedAtMs === -Infinity ? START_AHEAD_MS : LANDING_MS;
    return this.#seek(landing(range, wantedMs, view.edgeMs, leftMs), view.nowMs);
  }

  /**
   * How long the playhead has not moved. A requested jump restarts the count, because the playhead may have been
   * paused.
   */
  #stuckFor({ nowMs, positionMs, jump }: View): number {
    if (this.#moved.positionMs !== positionMs || jump) this.#moved = { positionMs, atMs: nowMs };
    return nowMs - this.#moved.atMs;
  }

  /** How long playback has been dry, excluding jumps. */
  #dryFor({ nowMs, dry, seeking }: View): number {
    this.#drySinceMs = dry && !seeking ? (this.#drySinceMs ?? nowMs) : undefined;
    return nowMs - (this.#drySinceMs ?? nowMs);
  }

  #join(view: View, last: Range): void {
    this.#joinedAtMs = view.nowMs;
    const ahead = this.#longestChunkMs > LUMP_MS ? this.#longestChunkMs + MARGIN_MS : START_AHEAD_MS;
    this.#startDelayMs = view.nowMs - Math.min(view.edgeMs, last.endMs) + ahead;
  }

  #seek(toMs: number, nowMs: number): Decision {
    this.#entered = true;
    this.#jumpedAtMs = nowMs;
    this.#jumpCost.jumps(toMs, nowMs);
    this.#correcting = false;
    return { kind: 'seek', toMs };
  }

  #play(behindMs: number, { nowMs, ranges, positionMs, togetherDelayMs }: View): Decision {
    const distance = Math.abs(behindMs);
    const { startsAtMs, stopsAtMs } = togetherDelayMs === undefined ? CORRECTION : TOGETHER;
    this.#correcting = distance > (this.#correcting ? stopsAtMs : startsAtMs);
    const rate = this.#correcting ? 1 + behindMs * SPEED_PER_MS : 1;
    const limited = Math.min(this.#fastestAt(nowMs), Math.max(this.#pace.slowest, rate));
    const aheadMs = (ranges.at(-1)?.endMs ?? positionMs) - positionMs;
    const braked = Math.min(this.#brake.limit(aheadMs), Math.round(limited * 100) / 100);
    return { kind: 'play', rate: braked, againInMs: this.#brake.dueInMs(aheadMs, braked) };
  }

  #fastestAt(nowMs: number): number {
    if (!this.#jumpCost.isHigh) return this.#pace.fastest;
    return nowMs - this.#overloadedAtMs < OVERLOAD.lastsMs ? 1 : FASTEST_INSTEAD_OF_JUMPS;
  }

  #jumpLimit(nowMs: number, isTogether: boolean): number {
    if (isTogether) return Math.min(TOGETHER.jumpBehindMs, this.#pace.jumpBehindMs);
    const settling = nowMs - (this.#joinedAtMs ?? 0) < SETTLING_MS;
    return settling ? Math.min(JUMP_BEHIND_WHILE_SETTLING_MS, this.#pace.jumpBehindMs) : this.#pace.jumpBehindMs;
  }

  #stallMarginAt(nowMs: number): number {
    const quietMs = Math.max(0, nowMs - this.#stalledAtMs - STALL_MARGIN.quietMs);
    return Math.max(0, this.#stallMarginMs - quietMs * STALL_MARGIN.givenBackPerMs);
  }
}

function contains(range: Range, positionMs: number): boolean {
  return range.startMs <= positionMs && positionMs <= range.endMs;
}

/** The position in `range` nearest to `wantedMs` that leaves enough media for the jump to finish. */
function landing(range: Range, wantedMs: number, edgeMs: number, leftMs = LANDING_MS): number {
  const latest = Math.min(range.endMs, Math.max(edgeMs, range.startMs)) - leftMs;
  // One millisecond inside, so that rounding cannot put it before the range.
  return Math.max(range.startMs + 1, Math.min(wantedMs, latest));
}
