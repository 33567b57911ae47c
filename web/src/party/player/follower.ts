// Lets one media element follow a timeline. It stands, ready, at a position, and begins at the moment at which the timeline is there,
// earlier by what the browser took the times before; it then measures how far off it is, and corrects that. What comes too late, or is
// far off, stands at a position a little ahead and begins anew from there. The owner calls `step` about 25 times a second.
//
//   moving: on its way to a position ─► standing ─► (at its time) playing ─► far off, or the timeline changed: moving
//
// What browsers tell as the position of a media element is what is heard: the latency of the output device, as far as the system knows
// it, is counted in. `trimMs` is for what the system does not know. No DOM but the media element it is given.

import type { PartyTimeline } from '../../protocol/party';
import type { PartyClock } from '../clock';
import { Drift, type Lead } from '../drift';
import type { Timers } from '../timers';
import { positionAt } from '../timeline';
import { HAVE_FUTURE_DATA, HAVE_METADATA, type PartyMedia } from './media';

/** How far ahead what comes late stands: as long as the seek takes. More where that was not enough. */
const HEADROOM = { firstMs: 300, mostMs: 4_000, times: 1.7 };
/** Before its time, the exact timer is set. */
const ARM_MS = 150;
/** It begins although it is so late. */
const TOLERATED_MS = 60;
/** Browsers go to a position by about this. */
const THERE_MS = 80;
/** So far off it begins anew at once. */
const LOST_MS = 1_500;
/** Running dry for longer is buffering. */
const DRY_MS = 250;
/** After a start that the browser did not carry out by then, it begins anew. */
const START_TIMEOUT_MS = 2_000;

/** What a follower works with. */
export interface FollowerSetup {
  media: PartyMedia;
  clock: Pick<PartyClock, 'serverMs'>;
  timers: Timers;
  /** How much earlier than its time playback is begun; shared, for it is learnt. */
  lead: Lead;
  /** Monotonic. */
  now: () => number;
  /** Ways of the item's player. */
  play: () => void;
  pause: () => void;
  seek: (ms: number) => void;
  trimMs: () => number;
  /** Of the item; 0 before it is known. */
  durationMs: () => number;
  /** Playback was begun; it is to be heard at once or `inMs` later. */
  begun: (inMs: number) => void;
}

/** `over`: the timeline is past the end. */
type Phase = 'moving' | 'standing' | 'playing' | 'stopped' | 'over';

/** See the head of the file. */
export class Follower {
  readonly #setup: FollowerSetup;
  readonly #drift = new Drift();
  #timeline: PartyTimeline;
  #phase: Phase = 'moving';
  #headroomMs = HEADROOM.firstMs;
  #targetMs: number;
  /** It was sent there since there is media. */
  #isSent = false;
  #disarm: (() => void) | undefined;
  #begunAtMs = 0;
  /** The element moves since it was begun. */
  #runs = false;
  #learns = false;
  #drySinceMs: number | undefined;

  /** The element is on its way to `positionMs`. */
  constructor(setup: FollowerSetup, timeline: PartyTimeline, positionMs: number) {
    this.#setup = setup;
    this.#timeline = timeline;
    this.#targetMs = positionMs;
  }

  get timeline(): PartyTimeline {
    return this.#timeline;
  }

  get isPlaying(): boolean {
    return this.#phase === 'playing' && this.#runs;
  }

  /** What is to be heard is not: it waits for media. */
  isBuffering(serverMs: number, nowMs: number): boolean {
    if (this.#setup.media.ended) return false;
    if (this.#phase === 'moving')
      return this.#setup.media.readyState < HAVE_FUTURE_DATA && serverMs >= this.#timeline.at_ms;
    return this.#drySinceMs !== undefined && nowMs - this.#drySinceMs > DRY_MS;
  }

  /** How much later than the timeline it is heard; undefined while nothing is, or not known. */
  get lateMs(): number | undefined {
    return this.isPlaying ? this.#drift.lateMs : undefined;
  }

  /** Follows another timeline of the same item, from now on. */
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
    // From where it stands, if that is the place; the next step finds out.
    if (this.#phase !== 'moving') this.#phase = 'standing';
  }

  /** Does what is due. `serverMs` is the server's time now, `nowMs` the local clock. */
  step(serverMs: number, nowMs: number): void {
    if (this.#phase === 'moving') this.#arrive();
    if (this.#phase === 'standing' && !this.#timeline.paused) this.#arm(serverMs);
    if (this.#phase === 'playing') this.#keepUp(serverMs, nowMs);
  }

  /** Stands still, and begins anew when the person allowed it. */
  stop(): void {
    this.#halt();
    this.#phase = 'stopped';
  }

  /** After {@link stop}. */
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

  /** Sets the exact timer once its time is near; goes further ahead where it is over. */
  #arm(serverMs: number): void {
    const { media, timers, lead } = this.#setup;
    if (this.#disarm !== undefined) return;
    const { at_ms, position_ms } = this.#timeline;
    const positionMs = media.currentTime * 1000;
    const inMs = at_ms + positionMs - position_ms - this.#setup.trimMs() - lead.ms - serverMs;
    // Nothing lies before the position at which a timeline begins.
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

  #wantedMs(serverMs: number): number {
    return positionAt(this.#timeline, serverMs) + this.#setup.trimMs();
  }

  /** Stands at where the timeline will be soon; it begins there. */
  #catchUp(serverMs: number): void {
    this.#halt();
    const soonMs = serverMs + this.#headroomMs;
    this.#headroomMs = Math.min(HEADROOM.mostMs, this.#headroomMs * HEADROOM.times);
    const durationMs = this.#setup.durationMs();
    const toMs = positionAt(this.#timeline, soonMs) + this.#setup.trimMs();
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
    // Also where the element stands by itself, as while its source is replaced: the item's player would go on.
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
