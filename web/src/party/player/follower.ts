// Makes one media element follow a timeline. The element waits at a position, and starts when the timeline reaches it,
// earlier by the learnt start delay. Then the follower measures the error and corrects it. If playback is late or far
// off, the element seeks to a position slightly ahead and starts again there. The owner calls `step` about 25 times a
// second.
//
//   moving: seeking to a position ─► standing ─► (at its time) playing ─► far off, or the timeline changed: moving
//
// The position that browsers report for a media element is the audible one: it includes the latency of the output
// device, as far as the system knows it. `elementSound` and `trimMs` correct the rest. No DOM but the given media
// element.

import type { PartyTimeline } from '../../protocol/party';
import type { PartyClock } from '../clock';
import { Drift, type Lead } from '../drift';
import type { Timers } from '../timers';
import { positionAt } from '../timeline';
import type { ElementSound } from './element-sound';
import { HAVE_FUTURE_DATA, HAVE_METADATA, type PartyMedia } from './media';

/** How far ahead a late element seeks: the duration of a seek, more if that was not enough. */
const HEADROOM = { firstMs: 300, mostMs: 4_000, times: 1.7 };
/** The exact timer is set this long before the start. */
const ARM_MS = 150;
/** A start up to this late still happens. */
const TOLERATED_MS = 60;
/** A position this close to the target of a seek counts as reached. */
const THERE_MS = 80;
/** An error this large restarts at once. */
const LOST_MS = 1_500;
/** Running dry for longer counts as buffering. */
const DRY_MS = 250;
/** If the browser has not started after this time, it is started again. */
const START_TIMEOUT_MS = 2_000;

/** Dependencies and callbacks of a follower. */
export interface FollowerSetup {
  media: PartyMedia;
  clock: Pick<PartyClock, 'serverMs'>;
  timers: Timers;
  /** How much before its time playback is started; shared, because it is learnt. */
  lead: Lead;
  /** Monotonic. */
  now: () => number;
  /** Methods of the item's player. */
  play: () => void;
  pause: () => void;
  seek: (ms: number) => void;
  trimMs: () => number;
  elementSound: ElementSound;
  /** Length of the item; 0 before it is known. */
  durationMs: () => number;
  /** Playback was started; it will be heard now, or in `inMs`. */
  begun: (inMs: number) => void;
}

/** `over`: the timeline is past the end. */
type Phase = 'moving' | 'standing' | 'playing' | 'stopped' | 'over';

/** Controls one media element. */
export class Follower {
  readonly #setup: FollowerSetup;
  readonly #drift: Drift;
  #timeline: PartyTimeline;
  #phase: Phase = 'moving';
  #headroomMs = HEADROOM.firstMs;
  #targetMs: number;
  /** Whether the element was sent to the position after media arrived. */
  #isSent = false;
  #disarm: (() => void) | undefined;
  #begunAtMs = 0;
  /** Whether the element has moved since its start. */
  #runs = false;
  #learns = false;
  #drySinceMs: number | undefined;

  /** Sends the element to `positionMs`. */
  constructor(setup: FollowerSetup, timeline: PartyTimeline, positionMs: number) {
    this.#setup = setup;
    this.#drift = new Drift(setup.elementSound.cutMs);
    this.#timeline = timeline;
    this.#targetMs = positionMs;
  }

  get timeline(): PartyTimeline {
    return this.#timeline;
  }

  get isPlaying(): boolean {
    return this.#phase === 'playing' && this.#runs;
  }

  /** Whether it should be audible but is waiting for media. */
  isBuffering(serverMs: number, nowMs: number): boolean {
    if (this.#setup.media.ended) return false;
    if (this.#phase === 'moving')
      return this.#setup.media.readyState < HAVE_FUTURE_DATA && serverMs >= this.#timeline.at_ms;
    return this.#drySinceMs !== undefined && nowMs - this.#drySinceMs > DRY_MS;
  }

  /** How much later than the timeline it is heard, ms; undefined while silent or unknown. */
  get lateMs(): number | undefined {
    return this.isPlaying ? this.#drift.lateMs : undefined;
  }

  /** Switches to another timeline of the same item, now. */
  follow(timeline: PartyTimeline, serverMs: number): void {
    const before = this.#timeline;
    this.#timeline = timeline;
    this.#headroomMs = HEADROOM.firstMs;
    if (this.#phase === 'stopped') return;
    if (timeline.paused) {
      this.#stand(timeline.position_ms);
      return;
    }
    if (!before.paused && this.#phase === 'playing') {
      const atMs = Math.max(serverMs, timeline.at_ms);
      const isSame = Math.abs(positionAt(before, atMs) - positionAt(timeline, atMs)) < 1;
      if (!isSame) this.#catchUp(serverMs);
      return;
    }
    this.#disarm?.();
    this.#disarm = undefined;
    if (timeline.at_ms > serverMs && Math.abs(this.#targetMs - timeline.position_ms) >= THERE_MS) {
      this.#stand(timeline.position_ms);
      return;
    }
    // It may already be at the right position; the next step checks that.
    if (this.#phase !== 'moving') this.#phase = 'standing';
  }

  /** Does what is due. `serverMs` is the server's time now, `nowMs` the local clock. */
  step(serverMs: number, nowMs: number): void {
    if (this.#phase === 'moving') this.#arrive();
    if (this.#phase === 'standing' && !this.#timeline.paused) this.#arm(serverMs);
    if (this.#phase === 'playing') this.#keepUp(serverMs, nowMs);
  }

  /** Stops until the person allows playback, then starts over. */
  stop(): void {
    this.#halt();
    this.#phase = 'stopped';
  }

  /** Continues after {@link stop}. */
  resume(serverMs: number): void {
    if (this.#phase !== 'stopped') return;
    this.#headroomMs = HEADROOM.firstMs;
    if (this.#timeline.paused) this.#stand(this.#timeline.position_ms);
    else this.#catchUp(serverMs);
  }

  close(): void {
    this.#disarm?.();
    this.#phase = 'stopped';
  }

  #arrive(): void {
    const { media } = this.#setup;
    if (media.seeking || media.readyState < HAVE_FUTURE_DATA) return;
    if (this.#isSent || Math.abs(media.currentTime * 1000 - this.#targetMs) < THERE_MS) this.#phase = 'standing';
    else this.#send();
  }

  /** Sets the exact timer shortly before the start; after a missed start, seeks further ahead. */
  #arm(serverMs: number): void {
    const { media, timers, lead } = this.#setup;
    if (this.#disarm !== undefined) return;
    const { at_ms, position_ms } = this.#timeline;
    const positionMs = media.currentTime * 1000;
    const inMs = at_ms + positionMs - position_ms - this.#aheadMs - lead.ms - serverMs;
    // A timeline has no positions before its start.
    if (inMs < -TOLERATED_MS || positionMs < position_ms - THERE_MS) {
      this.#catchUp(serverMs);
      return;
    }
    if (inMs > ARM_MS) return;
    this.#disarm = timers.after(Math.max(0, inMs), () => this.#begin());
  }

  #begin(): void {
    this.#disarm = undefined;
    if (this.#phase !== 'standing') return;
    this.#phase = 'playing';
    this.#begunAtMs = this.#setup.now();
    this.#runs = false;
    this.#learns = true;
    this.#drySinceMs = undefined;
    this.#setup.media.preservesPitch = true;
    this.#setup.media.playbackRate = 1;
    this.#setup.play();
    this.#setup.begun(this.#setup.lead.ms);
  }

  #keepUp(serverMs: number, nowMs: number): void {
    const { media } = this.#setup;
    if (media.ended) return;
    if (!this.#runs) {
      this.#awaitStart(serverMs, nowMs);
      return;
    }
    if (media.readyState < HAVE_FUTURE_DATA || media.seeking) {
      this.#drySinceMs ??= nowMs;
      return;
    }
    if (this.#drySinceMs !== undefined) {
      this.#drySinceMs = undefined;
      this.#drift.started(nowMs);
    }
    const lateMs = this.#wantedMs(serverMs) - media.currentTime * 1000;
    if (Math.abs(lateMs) > LOST_MS) {
      this.#catchUp(serverMs);
      return;
    }
    const correction = this.#drift.observe(lateMs, nowMs);
    this.#learn();
    if (correction.kind === 'jump') this.#catchUp(serverMs);
    else if (media.playbackRate !== correction.rate) media.playbackRate = correction.rate;
  }

  #awaitStart(serverMs: number, nowMs: number): void {
    const { media } = this.#setup;
    if (media.currentTime * 1000 > this.#targetMs + 1 && !media.paused && !media.seeking) {
      this.#runs = true;
      this.#drift.started(nowMs);
    } else if (nowMs - this.#begunAtMs > START_TIMEOUT_MS && media.readyState >= HAVE_FUTURE_DATA)
      this.#catchUp(serverMs);
  }

  #learn(): void {
    if (!this.#learns || this.#drift.lateMs === undefined) return;
    this.#learns = false;
    this.#headroomMs = HEADROOM.firstMs;
    this.#setup.lead.learn(this.#drift.lateMs);
  }

  /** How far ahead of the timeline the reported position has to be. */
  get #aheadMs(): number {
    return this.#setup.trimMs() + this.#setup.elementSound.lateMs;
  }

  #wantedMs(serverMs: number): number {
    return positionAt(this.#timeline, serverMs) + this.#aheadMs;
  }

  /** Seeks to where the timeline will be soon, and starts there. */
  #catchUp(serverMs: number): void {
    this.#halt();
    const soonMs = serverMs + this.#headroomMs;
    this.#headroomMs = Math.min(HEADROOM.mostMs, this.#headroomMs * HEADROOM.times);
    const durationMs = this.#setup.durationMs();
    const toMs = positionAt(this.#timeline, soonMs) + this.#aheadMs;
    if (durationMs > 0 && toMs >= durationMs) this.#phase = 'over';
    else this.#move(toMs);
  }

  #stand(positionMs: number): void {
    this.#halt();
    this.#move(positionMs);
  }

  #halt(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    this.#runs = false;
    this.#drySinceMs = undefined;
    // Needed even if the element has paused by itself, as while its source is replaced: the item's player would
    // otherwise resume.
    this.#setup.pause();
  }

  #move(positionMs: number): void {
    this.#phase = 'moving';
    this.#targetMs = Math.max(0, positionMs);
    this.#isSent = false;
    if (this.#setup.media.readyState >= HAVE_METADATA) this.#send();
  }

  #send(): void {
    this.#isSent = true;
    this.#setup.seek(this.#targetMs);
  }
}
