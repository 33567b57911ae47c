// Makes a song follow a timeline, on the clock of an audio context. Starts, pauses and seeks are scheduled as soon as
// they are announced, and are exact to the sample. The clocks of computers and sound cards differ in speed: small
// errors are corrected by playing slightly faster or slower for a while, large ones by a jump with a cross-fade. The
// owner calls `step` about 25 times a second. No DOM.

import type { SongEngine } from '../../audio/song-engine';
import type { PartyTimeline } from '../../protocol/party';
import type { PartyClock } from '../clock';
import { goesOn, isSameEntry } from '../timeline';
import type { PartySound } from './sound';

/** Changes are scheduled at least this far ahead, because sooner sound may already be playing. */
const LEAD_S = 0.2;
/** A start further ahead than this is moved when the clocks are known better. */
const MOVABLE_S = 0.3;
/** The sound of a start is decoded at least this far ahead, if it is announced in time. */
const DECODED_S = 0.5;
/** How long after its announcement the last member decodes it. */
const SPREAD_S = 1;
/** Starts are not moved by less. */
const MOVED_MS = 1;
/** Smaller errors are not corrected, because the clocks are not more exact. */
const QUIET_MS = 4;
/** Larger errors are corrected by a jump, because changing the rate would take too long. */
const JUMP_MS = 30;
/** Change of the rate for corrections: less than ten cents of pitch. */
const RATE = 0.005;
/** Missing sound for longer counts as buffering. */
const DRY_MS = 250;

/** Dependencies of a follower. */
export interface SongFollowerSetup {
  engine: Pick<SongEngine, 'fetch' | 'fill' | 'isDryAt' | 'positionAt' | 'prepare' | 'start' | 'stop'>;
  sound: Pick<PartySound, 'heardAt' | 'whenHeard'> & { readonly context: Pick<AudioContext, 'currentTime'> };
  clock: Pick<PartyClock, 'localMs' | 'serverMs'>;
  trimMs: () => number;
  /**
   * 0 to 1; members on one computer need different values. If all decode at once, the browsers' threads that play get
   * too little time, and the sound is interrupted.
   */
  stagger: number;
  /** Length of the item; 0 before it is known. */
  durationMs: () => number;
}

/** Controls the engine of one song. */
export class SongFollower {
  readonly #setup: SongFollowerSetup;
  #timeline: PartyTimeline;
  /** Whether `#timeline` is scheduled. */
  #isBegun = false;
  #next: PartyTimeline | undefined;
  /** What is scheduled for `#next`: nothing, the end of the current sound, or also its start. */
  #nextIs: 'unknown' | 'halted' | 'begun' = 'unknown';
  /** Start of the newest run, in the context's time. */
  #fromS = 0;
  #heardS: number | undefined;
  #drySinceMs: number | undefined;
  /** How far ahead the announced start is decoded; undefined before it is known. */
  #decodesAheadS: number | undefined;

  constructor(setup: SongFollowerSetup, timeline: PartyTimeline) {
    this.#setup = setup;
    this.#timeline = timeline;
  }

  get timeline(): PartyTimeline {
    return this.#timeline;
  }

  /** Whether the song is heard now. */
  get isPlaying(): boolean {
    return this.#positionS !== undefined;
  }

  /** How much later than the timeline the song is heard, ms; undefined while silent or unknown. */
  get lateMs(): number | undefined {
    return this.#heardS === undefined ? undefined : this.#lateAt(this.#heardS);
  }

  /** Whether the song has ended or is silent. */
  get isOver(): boolean {
    const { engine, sound } = this.#setup;
    const positionS = engine.positionAt(sound.context.currentTime - 1);
    return positionS === undefined || positionS * 1000 >= this.#setup.durationMs();
  }

  /** Whether the song should be audible but is waiting for media. */
  isBuffering(serverMs: number, nowMs: number): boolean {
    if (this.#timeline.paused || this.#isPast(serverMs)) return false;
    if (!this.#isBegun) return serverMs >= this.#timeline.at_ms;
    return this.#drySinceMs !== undefined && nowMs - this.#drySinceMs > DRY_MS;
  }

  /** Announces a future timeline, of this entry or another one; undefined cancels the announcement. */
  announce(next: PartyTimeline | undefined): void {
    if (next === this.#next) return;
    // Scheduling `#next` changed the current sound, so it must be scheduled again.
    if (this.#nextIs !== 'unknown') this.#isBegun = false;
    this.#next = next;
    this.#nextIs = 'unknown';
    this.#decodesAheadS = undefined;
  }

  /** Switches to another timeline of the same item, whose time has come. */
  follow(timeline: PartyTimeline): void {
    if (timeline === this.#next) this.#isBegun = this.#nextIs === 'begun' || goesOn(this.#timeline, timeline);
    else if (!goesOn(this.#timeline, timeline) || this.#nextIs !== 'unknown') {
      const { engine, sound } = this.#setup;
      engine.stop(sound.context.currentTime + LEAD_S);
      this.#isBegun = false;
    }
    this.#timeline = timeline;
    this.#next = undefined;
    this.#nextIs = 'unknown';
    this.#decodesAheadS = undefined;
  }

  /** Schedules and corrects what is due. `serverMs` is the server's time now, `nowMs` the local clock. */
  step(serverMs: number, nowMs: number): void {
    const { engine, sound } = this.#setup;
    engine.fill();
    this.#heardS = sound.heardAt(nowMs);
    if (this.#heardS === undefined) return;
    this.#watchDryness(this.#heardS, nowMs);
    if (!this.#isBegun) this.#isBegun = this.#begin(this.#timeline, serverMs);
    if (this.#next !== undefined) this.#turn(this.#next, serverMs);
    else if (this.#isBegun && !this.#timeline.paused) this.#keepUp(this.#heardS);
  }

  /**
   * Starts a new run with all sources of the engine. Returns its start, in the context's time; undefined if that is
   * impossible now.
   */
  renew(): number | undefined {
    const { engine, sound } = this.#setup;
    const atS = sound.context.currentTime + LEAD_S;
    const positionS = engine.positionAt(atS);
    // Nothing is playing yet: the start is scheduled again, with all sources.
    if (positionS === undefined) {
      engine.stop(atS);
      this.#isBegun = false;
      this.#nextIs = 'unknown';
      return atS;
    }
    if (!engine.prepare(positionS)) return undefined;
    engine.start(atS, positionS);
    this.#fromS = atS;
    // The new run replaced the schedule of `#next`.
    this.#nextIs = 'unknown';
    return atS;
  }

  get #positionS(): number | undefined {
    return this.#heardS === undefined ? undefined : this.#setup.engine.positionAt(this.#heardS);
  }

  /** Schedules a timeline, at its time or as soon as possible. Returns false if that is impossible now. */
  #begin(timeline: PartyTimeline, serverMs: number): boolean {
    const { engine, sound, durationMs } = this.#setup;
    const dueS = this.#contextAt(timeline.at_ms);
    if (dueS === undefined) return false;
    const soonS = sound.context.currentTime + LEAD_S;
    if (timeline.paused) {
      engine.stop(Math.max(dueS, soonS));
      engine.prepare(timeline.position_ms / 1000);
      return true;
    }
    if (this.#isPast(serverMs, timeline)) return true;
    const fromS = Math.max(dueS, soonS);
    const positionS = timeline.position_ms / 1000 + fromS - dueS;
    if (durationMs() === 0 || this.#isEarly(fromS, positionS) || !engine.prepare(positionS)) return false;
    engine.start(fromS, positionS);
    this.#fromS = fromS;
    return true;
  }

  /** Whether the start at `fromS` is so far ahead that its sound is fetched, but not decoded yet. */
  #isEarly(fromS: number, positionS: number): boolean {
    const { engine, sound, stagger } = this.#setup;
    const aheadS = fromS - sound.context.currentTime;
    if (this.#decodesAheadS === undefined) {
      engine.fetch(positionS);
      this.#decodesAheadS = aheadS - stagger * Math.min(SPREAD_S, Math.max(0, aheadS - DECODED_S));
    }
    return aheadS > this.#decodesAheadS;
  }

  /** Schedules the announced timeline. */
  #turn(next: PartyTimeline, serverMs: number): void {
    if (this.#nextIs === 'begun' || goesOn(this.#timeline, next)) return;
    const atS = this.#contextAt(next.at_ms);
    if (atS === undefined) return;
    if (this.#nextIs === 'unknown') {
      this.#setup.engine.stop(Math.max(atS, this.#setup.sound.context.currentTime + LEAD_S));
      this.#nextIs = 'halted';
    }
    if (isSameEntry(this.#timeline, next) && this.#begin(next, serverMs)) this.#nextIs = 'begun';
  }

  /** Corrects the error that remains after running corrections. */
  #keepUp(heardS: number): void {
    const { engine, sound } = this.#setup;
    const { currentTime } = sound.context;
    const finalMs = this.#lateAt(Math.max(heardS, this.#fromS));
    if (finalMs === undefined) return;
    const atS = currentTime + LEAD_S;
    const positionS = engine.positionAt(atS);
    if (positionS === undefined) {
      // The run has not begun yet.
      if (this.#fromS - currentTime < MOVABLE_S || Math.abs(finalMs) <= MOVED_MS) return;
      engine.stop(atS);
      this.#isBegun = false;
      return;
    }
    const lateMs = this.#lateAt(atS) ?? 0;
    if (Math.abs(lateMs) > JUMP_MS) this.#jump(atS, positionS + lateMs / 1000);
    else if (Math.abs(finalMs) > QUIET_MS) this.#catchUp(atS, positionS, lateMs / 1000);
  }

  #jump(atS: number, toS: number): void {
    const { engine } = this.#setup;
    if (toS < 0 || !engine.prepare(toS)) return;
    engine.start(atS, toS);
    this.#fromS = atS;
  }

  /** Plays at another rate until the error is corrected. */
  #catchUp(atS: number, positionS: number, lateS: number): void {
    const { engine } = this.#setup;
    const rate = 1 + Math.sign(lateS) * RATE;
    const forS = Math.abs(lateS) / RATE;
    engine.start(atS, positionS, rate);
    engine.start(atS + forS, positionS + forS * rate);
    this.#fromS = atS + forS;
  }

  #watchDryness(heardS: number, nowMs: number): void {
    const isDry = this.#setup.engine.isDryAt(heardS);
    this.#drySinceMs = isDry ? (this.#drySinceMs ?? nowMs) : undefined;
  }

  /** Whether the timeline is past the end of the song. */
  #isPast(serverMs: number, timeline = this.#timeline): boolean {
    const durationMs = this.#setup.durationMs();
    const wanted = timeline.position_ms + serverMs - timeline.at_ms + this.#setup.trimMs();
    return durationMs > 0 && !timeline.paused && wanted >= durationMs;
  }

  /** The context's time that is heard at `serverMs`. */
  #contextAt(serverMs: number): number | undefined {
    const { clock, sound, trimMs } = this.#setup;
    const localMs = clock.localMs(serverMs);
    return localMs === undefined ? undefined : sound.heardAt(localMs - trimMs());
  }

  /** How much later than the timeline the song is at a time of the context. */
  #lateAt(contextS: number): number | undefined {
    const { clock, engine, sound, trimMs } = this.#setup;
    const positionS = engine.positionAt(contextS);
    const localMs = sound.whenHeard(contextS);
    const serverMs = localMs === undefined ? undefined : clock.serverMs(localMs);
    if (positionS === undefined || serverMs === undefined) return undefined;
    const { position_ms, at_ms } = this.#timeline;
    return position_ms + serverMs - at_ms + trimMs() - positionS * 1000;
  }
}
