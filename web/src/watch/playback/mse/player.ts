// Plays what a node sends in one <video>: puts chunks on the timeline and into the media source, asks the live edge
// controller several times a second what to do, and measures what is on screen. It never pauses or mutes by itself;
// what the person wants is in the element.

import type { InitData, MediaData, StreamingData } from '../../../protocol/event';
import { localNowMs, type ServerClock } from '../../../transport/clock';
import { AppendQueue, type QueuedChunk } from './append-queue';
import { CaptureCheck } from '../capture-check';
import { LiveEdge } from '../live-edge';
import { MediaBuffer } from './media-buffer';
import { attachSource, canPlayType, type AttachedSource } from './media-source';
import { LatencyMeter, RateMeter } from '../meters';
import { sameTracks } from '../../mime';
import { Still } from '../../../ui/player/still';
import { Timeline } from '../timeline';

/** How often the controller is asked. */
const STEER_EVERY_MS = 100;
/** A halt shorter than this is not noticed. */
const NOTICED_MS = 100;
/** Running dry this soon after the start or a jump is its doing. */
const SETTLES_MS = 1_000;

/** What the player tells its owner. */
export interface PlayerOwner {
  /** The first picture (or sound, where there is none) came. */
  started(): void;
  /** Playback waits for media, or goes on. */
  waiting(waits: boolean): void;
  /** The media source is of no more use and was replaced: the stream has to be joined anew. */
  restarted(reason: string): void;
  /** This browser cannot play streams of this type. */
  cannotPlay(mime: string): void;
  /** The node's clock may have been set: it should be asked for now. */
  doubtsClock(): void;
}

/** Figures of playback; what is not known is undefined. */
export interface PlaybackStats {
  latencyMs: number | undefined;
  /** Media between the playhead and the live edge. */
  bufferMs: number | undefined;
  rate: number;
  bitsPerSecond: number | undefined;
  width: number;
  height: number;
  framesPerSecond: number | undefined;
  droppedFrames: number;
  /** How often playback ran dry while the stream was live. */
  stalls: number;
  /** How often it jumped: joining, over holes, when far behind. */
  jumps: number;
  mime: string | undefined;
  take: number | undefined;
}

/** See the head of the file. */
export class Player {
  readonly #video: HTMLVideoElement;
  readonly #clock: ServerClock;
  readonly #owner: PlayerOwner;
  readonly #timeline = new Timeline();
  readonly #edge = new LiveEdge();
  readonly #still: Still;
  readonly #latency = new LatencyMeter();
  readonly #captureCheck: CaptureCheck;
  readonly #rate = new RateMeter();
  readonly #abort = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  /** For the one time that cannot wait until then. */
  #soon: ReturnType<typeof setTimeout> | undefined;
  /** The playhead is held, and whether that was counted as a stall. */
  #held: { sinceMs: number; counted: boolean } | undefined;
  #attached: AttachedSource;
  #open: MediaSource | undefined;
  #early = new AppendQueue();
  #buffer: MediaBuffer | undefined;
  /** The take that arrives, and the one that is appended. */
  #init: Pick<InitData, 'mime' | 'take'> | undefined;
  #placedTake: number | undefined;
  #live = true;
  #started = false;
  #jump = false;
  /** The stream was joined anew: playback goes to its live edge once that has arrived and was appended. */
  #fresh: 'awaited' | 'arriving' | undefined;
  #placedAtMs = -Infinity;
  #stalls = 0;
  #jumps = 0;
  #shownAtMs: number[] = [];
  /** Media time of the newest picture shown. */
  #shownMs = 0;

  /** Takes over `video`; `clock` is the node's, for latency. */
  constructor(video: HTMLVideoElement, clock: ServerClock, owner: PlayerOwner) {
    this.#video = video;
    this.#clock = clock;
    this.#owner = owner;
    this.#captureCheck = new CaptureCheck(clock, () => owner.doubtsClock());
    this.#still = new Still(video);
    this.#attached = this.#attach();
    this.#timer = setInterval(() => this.#steer(), STEER_EVERY_MS);
    const { signal } = this.#abort;
    video.addEventListener('waiting', () => this.#ranDry(), { signal });
    video.addEventListener('playing', () => this.#runs(), { signal });
    video.addEventListener('play', () => this.jumpToLive(), { signal });
    video.addEventListener('error', () => this.#restart(video.error?.message ?? 'the browser stopped'), { signal });
    this.#watchFrames();
  }

  /** Takes what a node sent, in order. */
  push(data: StreamingData): void {
    this.#rate.arrived(data.data.byteLength, localNowMs());
    if (data.kind === 'init') this.#beginTake(data);
    else if (this.#init?.take === data.take) this.#addChunk(data);
  }

  /** What comes next was waiting at a node, after a join or a reconnect. */
  expectBacklog(): void {
    this.#edge.expectBacklog();
  }

  /** What comes next begins at the live edge, whatever came before; the last picture stays until it is there. */
  startAfresh(): void {
    this.#fresh = 'awaited';
    this.#edge.reset();
    this.#latency.reset();
    this.#captureCheck.reset();
  }

  /** Whether media is to be expected: running dry is a stall only then. */
  set live(live: boolean) {
    this.#live = live;
  }

  /** Goes on at the live edge, if the playhead is not there. */
  jumpToLive(): void {
    this.#jump = true;
    this.#steer();
  }

  /** How playback does. */
  get stats(): PlaybackStats {
    const now = localNowMs();
    const edge = this.#timeline.edgeMs;
    const quality = this.#video.getVideoPlaybackQuality();
    this.#shownAtMs = this.#shownAtMs.filter((at) => at > now - 2_000);
    return {
      latencyMs: this.#video.paused ? undefined : this.#latency.medianMs(now),
      bufferMs: edge === undefined ? undefined : Math.max(0, edge - this.#positionMs),
      rate: this.#video.playbackRate,
      bitsPerSecond: this.#rate.bitsPerSecond(now),
      width: this.#video.videoWidth,
      height: this.#video.videoHeight,
      framesPerSecond: this.#video.videoWidth > 0 ? this.#shownAtMs.length / 2 : undefined,
      droppedFrames: quality.droppedVideoFrames,
      stalls: this.#stalls,
      jumps: this.#jumps,
      mime: this.#init?.mime,
      take: this.#init?.take,
    };
  }

  /** Stops, and lets go of the element; the last picture stays. */
  close(): void {
    this.#abort.abort();
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#still.takeAway();
    this.#buffer?.close();
    this.#attached.detach();
  }

  get #positionMs(): number {
    return this.#video.currentTime * 1000;
  }

  #attach(): AttachedSource {
    return attachSource(this.#video, (source) => {
      this.#open = source;
      this.#addBuffer();
    });
  }

  /** A media source plays from its first init segment on, once the browser opened it. */
  #addBuffer(): void {
    if (this.#open === undefined || this.#init === undefined || this.#buffer !== undefined) return;
    const source = this.#open.addSourceBuffer(this.#init.mime);
    const owner = {
      positionMs: () => this.#positionMs,
      place: (chunks: readonly QueuedChunk[], end: number | undefined) => this.#place(chunks, end),
      changed: () => this.#steer(),
      failed: (reason: string) => this.#restart(reason),
    };
    this.#buffer = new MediaBuffer(source, owner, this.#early);
    this.#buffer.flush();
  }

  #beginTake(init: InitData): void {
    if (this.#init?.take === init.take) return;
    if (!canPlayType(init.mime)) {
      this.#owner.cannotPlay(init.mime);
      return;
    }
    if (this.#init !== undefined && !sameTracks(this.#init.mime, init.mime)) this.#replaceSource();
    this.#init = { mime: init.mime, take: init.take };
    this.#enqueue({ kind: 'init', take: init.take, mime: init.mime, data: init.data });
  }

  #addChunk(chunk: MediaData): void {
    const { take, key, pts_ms, duration_ms, data } = chunk;
    if (this.#fresh === 'awaited') this.#fresh = 'arriving';
    const arrivedAtMs = localNowMs();
    const times = this.#believes(chunk, arrivedAtMs) ? chunk : { take, pts_ms, duration_ms };
    this.#enqueue({ kind: 'media', take, key, times, arrivedAtMs, data });
  }

  /** Whether the latency may go by the chunk's capture time. As soon as it may not, it goes by no earlier one either. */
  #believes(chunk: MediaData, arrivedAtMs: number): boolean {
    const { take, pts_ms: ptsMs, captured_at_ms: capturedAtMs } = chunk;
    if (capturedAtMs === undefined) return true;
    if (this.#captureCheck.believes({ take, ptsMs, capturedAtMs, arrivedAtMs })) return true;
    this.#timeline.forgetCaptureTimes();
    this.#latency.reset();
    return false;
  }

  #place(chunks: readonly QueuedChunk[], playableEndMs: number | undefined): number {
    let offset = 0;
    for (const { times, arrivedAtMs } of chunks) {
      const { startMs, endMs, offsetMs } = this.#timeline.place(times, playableEndMs);
      if (this.#placedTake !== times.take) this.#edge.newTake();
      this.#placedTake = times.take;
      this.#edge.arrived(startMs, endMs, arrivedAtMs);
      offset = offsetMs;
    }
    return offset;
  }

  #enqueue(item: Parameters<MediaBuffer['push']>[0]): void {
    if (this.#buffer === undefined) this.#early.push(item);
    else this.#buffer.push(item);
    this.#addBuffer();
  }

  #steer(): void {
    const { edgeMs } = this.#timeline;
    const buffer = this.#buffer;
    if (buffer === undefined || edgeMs === undefined || this.#video.paused || this.#fresh === 'awaited') return;
    // A joiner's group comes in many pieces; where to start is known when they are all in.
    if ((!this.#started || this.#fresh === 'arriving') && !buffer.isIdle) return;
    if (this.#fresh === 'arriving') this.#jump = true;
    this.#fresh = undefined;
    if (localNowMs() - this.#placedAtMs > SETTLES_MS) this.#still.takeAway();
    const decision = this.#edge.decide({
      nowMs: localNowMs(),
      positionMs: this.#positionMs,
      edgeMs,
      ranges: buffer.ranges,
      seeking: this.#video.seeking,
      dry: this.#started && this.#video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA,
      shownMs: this.#shownMs,
      jump: this.#jump,
    });
    if (decision.kind === 'wait') return;
    this.#jump = false;
    if (decision.kind === 'restart') this.#restart('media arrives, but none of it can be played');
    else if (decision.kind === 'seek') this.#seek(decision.toMs);
    else this.#playAt(decision.rate, decision.againInMs);
  }

  #playAt(rate: number, againInMs: number): void {
    if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
    clearTimeout(this.#soon);
    if (againInMs < STEER_EVERY_MS) this.#soon = setTimeout(() => this.#steer(), againInMs);
    if (rate === 0) this.#hold();
    else if (this.#held !== undefined) {
      this.#held = undefined;
      this.#owner.waiting(false);
    }
  }

  #hold(): void {
    const now = localNowMs();
    if (this.#held === undefined) {
      this.#held = { sinceMs: now, counted: false };
      this.#owner.waiting(true);
    } else if (!this.#held.counted && now - this.#held.sinceMs > NOTICED_MS) {
      this.#held.counted = true;
      this.#stalled();
    }
  }

  #seek(toMs: number): void {
    this.#held = undefined;
    this.#jumps++;
    this.#placedAtMs = localNowMs();
    if (this.#started) this.#still.put(toMs);
    this.#video.playbackRate = 1;
    this.#video.currentTime = toMs / 1000;
  }

  #ranDry(): void {
    if (this.#video.seeking || !this.#started) return;
    this.#owner.waiting(true);
    this.#stalled();
  }

  #stalled(): void {
    const now = localNowMs();
    if (!this.#live || now - this.#placedAtMs < SETTLES_MS) return;
    this.#stalls++;
    this.#edge.stalled(now);
  }

  #runs(): void {
    this.#owner.waiting(false);
    if (this.#video.videoWidth === 0) this.#start();
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#placedAtMs = localNowMs();
    this.#owner.started();
  }

  #watchFrames(): void {
    // Missing in older browsers: playback is the same there, only without a latency.
    const video: HTMLElement & Partial<HTMLVideoElement> = this.#video;
    if (video.requestVideoFrameCallback === undefined) {
      video.addEventListener('loadeddata', () => this.#start(), { signal: this.#abort.signal });
      return;
    }
    this.#video.requestVideoFrameCallback((_now, frame) => {
      if (this.#abort.signal.aborted) return;
      this.#frameShown(performance.timeOrigin + frame.expectedDisplayTime, frame.mediaTime * 1000);
      this.#watchFrames();
    });
  }

  #frameShown(displayedAtMs: number, mediaMs: number): void {
    const now = localNowMs();
    this.#start();
    this.#shownAtMs.push(now);
    this.#shownMs = mediaMs;
    this.#still.shown(mediaMs);
    const captured = this.#timeline.capturedAt(mediaMs);
    const displayed = this.#clock.serverMs(displayedAtMs);
    if (captured !== undefined && displayed !== undefined) this.#latency.shown(captured, displayed, now);
  }

  #restart(reason: string): void {
    if (this.#abort.signal.aborted) return;
    this.#replaceSource();
    this.#init = undefined;
    this.#owner.restarted(reason);
  }

  #replaceSource(): void {
    this.#buffer?.close();
    this.#buffer = undefined;
    this.#open = undefined;
    this.#early = new AppendQueue();
    this.#timeline.reset();
    this.#still.takeAway();
    this.#shownMs = 0;
    this.#fresh = undefined;
    this.#captureCheck.reset();
    this.#placedTake = undefined;
    this.#edge.reset();
    this.#latency.reset();
    this.#attached.detach();
    const { paused } = this.#video;
    this.#attached = this.#attach();
    // A new source pauses the element; whoever was watching goes on watching. Refusals show in the element.
    if (!paused) this.#video.play().catch(() => undefined);
  }
}
