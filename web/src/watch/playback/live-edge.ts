// Keeps the playhead near the live edge: decides, several times a second, how fast to play and where to jump.
//
// It steers the delay `now - position` towards what the arrival meter asks for plus a margin. Unlike the length of
// the buffer, which jumps up with each chunk and runs down until the next, this delay stands still while playback
// does its work, so small corrections are enough: a little faster when behind, a little slower when too close. It
// jumps where no speed helps: on joining, over holes, and when far behind. It lets each jump finish, and catches up by
// speed where another would cost more than it gains. Milliseconds throughout; it owns no clock.

import { ArrivalMeter } from './arrival';
import { Brake } from './brake';
import { JumpCost, LONGEST_JUMP_MS } from './jump-cost';

/** Kept beyond what arrivals ask for: decoding, the sound card's own buffer, and hiccups a little larger than known. */
const MARGIN_MS = 100;
/** Added to the margin by a stall, up to a bound; given back slowly after a quiet while. Stalls in a row are one. */
const STALL_MARGIN = { stepMs: 40, mostMs: 480, rowMs: 2_000, quietMs: 10_000, givenBackPerMs: 0.005 };
/** Media kept ahead when starting, before live arrivals say how much is needed. */
const START_AHEAD_MS = 220;
/** A chunk longer than this comes from a stream whose data arrives in lumps: a start has to leave room for the next. */
const LUMP_MS = 500;
/** Corrections start at the first and stop at the second distance from the wanted delay. */
const CORRECTION = { startsAtMs: 40, stopsAtMs: 10 };
/** Change of speed per millisecond of distance: 100 ms are caught up in 2 s. */
const SPEED_PER_MS = 0.0006;
/** Just after joining a jump is not noticed, so it comes sooner. */
const JUMP_BEHIND_WHILE_SETTLING_MS = 700;
const SETTLING_MS = 3_000;
/** A jump must gain at least this, and this many times what it costs, and has this long to take effect. */
const JUMP = { gainMs: 300, gainTimes: 2, patienceMs: 700 };
/** The upper limit of the speed where jumps cost much. */
const FASTEST_INSTEAD_OF_JUMPS = 1.25;
/** Playback that ran dry with this much ahead waits for the decoder: it plays no faster than media comes, for a while. */
const OVERLOAD = { aheadMs: 1_000, lastsMs: 5_000 };
/** With others: corrections start sooner, a distance above this is jumped forward, and one above the other waits. */
const TOGETHER = { startsAtMs: 15, stopsAtMs: 5, jumpBehindMs: 500, waitAheadMs: 250 };
/** A browser finishes a jump only where this much can be played. */
const LANDING_MS = 250;
/** A picture may be on the screen this long before its time, and this long before the page is told. */
const EARLY_MS = 50;
/** A range that ends this close to the playhead is used up; so is one with less than a landing after a rest. */
const USED_UP_MS = 60;
/** A playhead that did not move for this long is stuck. */
const STUCK_MS = 600;
/** Stuck for this long while this much more than can be played has arrived, the media source has lost its way. */
const STARVED = { stuckMs: 4_000, arrivedMs: 2_000 };

/** How corrections are made; what suits depends on who plays. */
export interface Pace {
  /** Limits of the speed. */
  slowest: number;
  fastest: number;
  /** Behind by more than this, catching up by speed would take too long. */
  jumpBehindMs: number;
}

/** A <video> keeps the pitch of its sound, so this is hardly heard; its jumps cost a moment. */
export const VIDEO_PACE: Pace = { slowest: 0.94, fastest: 1.12, jumpBehindMs: 2_000 };

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
  /** A jump is under way. */
  seeking: boolean;
  /** Playback ran out of media, and the browser waits for as much as it wants before it goes on. */
  dry: boolean;
  /** Media time of the newest picture shown, which may be a little ahead of the playhead; 0 without one. */
  shownMs: number;
  /** Whether the person wants to go on at the live edge at once: pressed play, came back to the page. */
  jump: boolean;
  /** How far behind now the playhead is to be, where others are; left out where the least delay is wanted. */
  togetherDelayMs?: number | undefined;
}

/**
 * What to do now: play at a rate, 0 being a halt, and ask again by then at the latest; jump; leave things as they are; or begin with a
 * new media source.
 */
export type Decision =
  | { kind: 'play'; rate: number; againInMs: number }
  | { kind: 'seek'; toMs: number }
  | { kind: 'wait' }
  | { kind: 'restart' };

const WAIT: Decision = { kind: 'wait' };

/** The controller; one per media source, or {@link LiveEdge.reset} between them. */
export class LiveEdge {
  readonly #pace: Pace;
  readonly #meter = new ArrivalMeter();
  readonly #brake = new Brake();
  readonly #jumpCost = new JumpCost();
  #joinedAtMs: number | undefined;
  /** Something of this media source was played: the playhead does not go back any more. */
  #entered = false;
  /** What to keep to until live arrivals tell more. */
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

  /** A chunk arrived; `key`: it begins with a keyframe. */
  arrived(startMs: number, endMs: number, nowMs: number, key = false): void {
    if (key) this.#jumpCost.keyframe(startMs);
    this.#meter.arrived(startMs, endMs, nowMs);
    if (this.#joinedAtMs === undefined) this.#longestChunkMs = Math.max(this.#longestChunkMs, endMs - startMs);
  }

  /** Playback ran out of media although the stream is live. */
  stalled(nowMs: number): void {
    const stepMs = nowMs - this.#stalledAtMs < STALL_MARGIN.rowMs ? 0 : STALL_MARGIN.stepMs;
    this.#stallMarginMs = Math.min(STALL_MARGIN.mostMs, this.#stallMarginAt(nowMs) + stepMs);
    this.#stalledAtMs = nowMs;
  }

  /** The next chunks were waiting at a node: their lateness says nothing about the network. */
  expectBacklog(): void {
    this.#meter.expectBacklog();
  }

  /** The take changed: its timestamps relate to the clock in another way. */
  newTake(): void {
    this.#meter.reset();
    this.#startDelayMs = undefined;
    this.#jumpCost.reset();
  }

  /** Media time starts anew, in a new media source; what was learnt from stalls stays. */
  reset(): void {
    this.joinAnew();
    this.#entered = false;
  }

  /** The stream is joined anew, in the same media source. */
  joinAnew(): void {
    this.#meter.reset();
    this.#joinedAtMs = undefined;
    this.#startDelayMs = undefined;
    this.#longestChunkMs = 0;
    this.#jumpedAtMs = -Infinity;
    this.#jumpCost.forgetJump();
    this.#moved = { positionMs: -1, atMs: 0 };
  }

  /** How far the playhead should be behind `now`; undefined while nothing tells. */
  wantedDelayMs(nowMs: number): number | undefined {
    const needed = this.#meter.neededDelayMs;
    return needed === undefined ? this.#startDelayMs : needed + MARGIN_MS + this.#stallMarginAt(nowMs);
  }

  /** What to do, seen from `view`. */
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

    // A new take has not told yet what it needs: play on as before.
    const least = this.wantedDelayMs(nowMs) ?? nowMs - positionMs;
    const isTogether = view.togetherDelayMs !== undefined;
    const wanted = Math.max(view.togetherDelayMs ?? least, least);
    const behindMs = nowMs - positionMs - wanted;
    const current = view.ranges.find((range) => contains(range, positionMs));
    if (current === undefined) return this.#enter(view, wanted);
    this.#entered = true;
    const left = current.endMs - positionMs;
    // Another jump would make the browser begin again at the keyframe.
    if (view.seeking && left >= LANDING_MS && nowMs - this.#jumpedAtMs < LONGEST_JUMP_MS) return WAIT;
    if (view.jump || behindMs > this.#jumpLimit(nowMs, isTogether)) {
      const toMs = landing(last, nowMs - wanted, view.edgeMs);
      const gainMs = Math.max(JUMP.gainMs, JUMP.gainTimes * this.#jumpCost.ofMs(toMs));
      if (toMs - positionMs > gainMs) return this.#seek(toMs, nowMs);
    }
    if (view.dry && !view.seeking && left > OVERLOAD.aheadMs) this.#overloadedAtMs = nowMs;
    // A jump makes the browser begin anew with little; from where it is, so that hardly anything is lost and no picture comes
    // twice. Where that costs much, the browser gets as long to go on by itself.
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

  /** From outside every range: to the wanted place, or to the next one that has something. */
  #enter(view: View, wanted: number): Decision {
    const wantedMs = view.nowMs - wanted;
    const ahead = view.ranges.filter((range) => range.endMs > view.positionMs);
    // Past all media: it is still to come. Never go back for it, except to join.
    const choices = ahead.length > 0 || this.#entered ? ahead : view.ranges.slice(-1);
    const range = choices.find(({ endMs }) => endMs - LANDING_MS >= wantedMs) ?? choices.at(-1);
    if (range === undefined) return WAIT;
    // A joiner's jump may end on media that is still to come: it takes longer than that to begin.
    const leftMs = this.#jumpedAtMs === -Infinity ? START_AHEAD_MS : LANDING_MS;
    return this.#seek(landing(range, wantedMs, view.edgeMs, leftMs), view.nowMs);
  }

  /** How long the playhead has not moved; whoever asks for a jump may have held it until now. */
  #stuckFor({ nowMs, positionMs, jump }: View): number {
    if (this.#moved.positionMs !== positionMs || jump) this.#moved = { positionMs, atMs: nowMs };
    return nowMs - this.#moved.atMs;
  }

  /** How long playback has been dry, not counting jumps. */
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

/** The place in `range` nearest to `wantedMs` from which enough is left to play for the jump to end. */
function landing(range: Range, wantedMs: number, edgeMs: number, leftMs = LANDING_MS): number {
  const latest = Math.min(range.endMs, Math.max(edgeMs, range.startMs)) - leftMs;
  // A millisecond inside, where rounding cannot put it before the range.
  return Math.max(range.startMs + 1, Math.min(wantedMs, latest));
}
