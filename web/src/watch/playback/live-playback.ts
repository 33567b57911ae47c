// The common part of both forms of playback: takes and their times, the live edge controller, stalls and figures. Each
// form adds how it accepts media, how it performs a jump and a speed, and what is on screen.

import type { InitData, MediaData, StreamingData } from '../../protocol/event';
import { localNowMs, type ServerClock } from '../../transport/clock';
import { Latency } from './latency';
import { LiveEdge, type Pace, type View } from './live-edge';
import { RateMeter } from './meters';
import type { Playback, PlaybackOwner, PlaybackStats } from './playback';
import { Stalls } from './stalls';
import { Timeline, type ChunkTimes, type Placement } from './timeline';

/** Server-clock capture time of what should be on screen now, for playing in a party; undefined while unknown. */
export type Together = () => number | undefined;

/** Figures that only the form knows. */
type FormStats = Pick<PlaybackStats, 'rate' | 'width' | 'height' | 'droppedFrames'>;

/** Base class of {@link MsePlayback} and {@link WebCodecsPlayback}. */
export abstract class LivePlayback implements Playback {
  protected readonly owner: PlaybackOwner;
  protected readonly timeline = new Timeline();
  protected readonly edge: LiveEdge;
  protected readonly latency: Latency;
  protected readonly stalls: Stalls;
  /** The newest take. */
  protected init: Pick<InitData, 'mime' | 'take'> | undefined;
  /** Whether the first picture was shown, or the first sound played if there is no picture. */
  protected hasStarted = false;
  /** Whether playback must go to the live edge at once. */
  protected isToJump = false;
  readonly #steerEveryMs: number;
  readonly #together: Together | undefined;
  readonly #rate = new RateMeter();
  readonly #timer: ReturnType<typeof setInterval>;
  /** A single extra check before the next regular one. */
  #soon: ReturnType<typeof setTimeout> | undefined;
  /** The take of the last placed chunk. */
  #placedTake: number | undefined;
  #jumps = 0;

  /** Checks every `steerEveryMs`; `clock` is the node's, for latency. */
  constructor(steerEveryMs: number, pace: Pace, clock: ServerClock, owner: PlaybackOwner, together?: Together) {
    this.owner = owner;
    this.edge = new LiveEdge(pace);
    this.latency = new Latency(clock, this.timeline, () => owner.doubtsClock());
    this.stalls = new Stalls({
      waiting: (waits) => owner.waiting(waits),
      stalled: (nowMs) => this.edge.stalled(nowMs),
    });
    this.#steerEveryMs = steerEveryMs;
    this.#together = together;
    this.#timer = setInterval(() => this.steer(), steerEveryMs);
  }

  abstract startAfresh(): void;
  abstract play(): Promise<void>;
  abstract pause(): void;
  abstract readonly isPaused: boolean;
  abstract muted: boolean;
  abstract volume: number;
  protected abstract readonly positionMs: number;
  protected abstract readonly formStats: FormStats;
  protected abstract beginTake(init: InitData): void;
  protected abstract addChunk(chunk: MediaData): void;
  /** Asks the controller, if there is anything to decide. */
  protected abstract steer(): void;
  protected abstract jumpTo(toMs: number): void;
  protected abstract setRate(rate: number): void;
  protected abstract restart(reason: string): void;

  push(data: StreamingData): void {
    this.#rate.arrived(data.data.byteLength, localNowMs());
    if (data.kind === 'media') {
      if (this.init?.take === data.take) this.addChunk(data);
    } else if (this.init?.take !== data.take) this.beginTake(data);
  }

  expectBacklog(): void {
    this.edge.expectBacklog();
  }

  get live(): boolean {
    return this.stalls.live;
  }

  set live(live: boolean) {
    this.stalls.live = live;
  }

  jumpToLive(): void {
    this.isToJump = true;
    this.steer();
  }

  get stats(): PlaybackStats {
    const { edgeMs } = this.timeline;
    const { formStats } = this;
    return {
      ...formStats,
      latencyMs: this.isPaused ? undefined : this.latency.medianMs(),
      lateMs: this.isPaused ? undefined : this.#lateMs,
      bufferMs: edgeMs === undefined ? undefined : Math.max(0, edgeMs - this.positionMs),
      bitsPerSecond: this.#rate.bitsPerSecond(localNowMs()),
      framesPerSecond: formStats.width > 0 ? this.latency.picturesPerSecond() : undefined,
      stalls: this.stalls.count,
      jumps: this.#jumps,
      mime: this.init?.mime,
      take: this.init?.take,
    };
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  /** Places a chunk on the timeline, and reports its arrival to the controller. */
  protected place(times: ChunkTimes, arrivedAtMs: number, key: boolean, playableEndMs?: number): Placement {
    const placed = this.timeline.place(times, playableEndMs);
    if (this.#placedTake !== times.take) this.edge.newTake();
    this.#placedTake = times.take;
    this.edge.arrived(placed.startMs, placed.endMs, arrivedAtMs, key);
    return placed;
  }

  /** Carries out the controller's decision. */
  protected follow(view: Omit<View, 'nowMs' | 'positionMs' | 'jump'>): void {
    const nowMs = localNowMs();
    const { positionMs } = this;
    const lateMs = this.#lateMs;
    const togetherDelayMs = lateMs === undefined ? undefined : nowMs - positionMs - lateMs;
    const decision = this.edge.decide({ ...view, nowMs, positionMs, togetherDelayMs, jump: this.isToJump });
    if (decision.kind === 'wait') return;
    this.isToJump = false;
    if (decision.kind === 'restart') this.restart('media arrives, but none of it can be played');
    else if (decision.kind === 'seek') {
      this.#jumps++;
      this.stalls.placed(nowMs);
      this.jumpTo(decision.toMs);
    } else this.#playAt(decision.rate, decision.againInMs);
  }

  /** How much later the playhead is than the party; undefined outside parties, or while unknown. */
  get #lateMs(): number | undefined {
    const wanted = this.#together?.();
    const captured = this.timeline.capturedAt(this.positionMs);
    return wanted === undefined || captured === undefined ? undefined : wanted - captured;
  }

  /** Notifies the owner of the first picture or sound. */
  protected start(): void {
    if (this.hasStarted) return;
    this.hasStarted = true;
    this.stalls.placed(localNowMs());
    this.owner.started();
  }

  /** Forgets everything, because the stream is joined again from its init segment. */
  protected forgetMedia(): void {
    this.init = undefined;
    this.#placedTake = undefined;
    this.timeline.reset();
    this.edge.reset();
    this.latency.reset();
  }

  #playAt(rate: number, againInMs: number): void {
    clearTimeout(this.#soon);
    if (againInMs < this.#steerEveryMs) this.#soon = setTimeout(() => this.steer(), againInMs);
    this.setRate(rate);
    if (rate === 0) this.stalls.hold(localNowMs());
    else this.stalls.moves();
  }
}
