// Playback in one <video>: puts chunks on the timeline and into the media source, asks the live edge controller several
// times a second what to do, and measures what is on screen. Whatever the browser throws or ends, it starts over with a
// new media source and has the stream joined anew.

import type { InitData, MediaData, StreamingData } from '../../../protocol/event';
import { localNowMs, type ServerClock } from '../../../transport/clock';
import { sameTracks } from '../../mime';
import { Latency } from '../latency';
import { LiveEdge } from '../live-edge';
import { RateMeter } from '../meters';
import type { Playback, PlaybackOwner, PlaybackStats } from '../playback';
import { Stalls } from '../stalls';
import { Timeline } from '../timeline';
import type { QueuedChunk } from './append-queue';
import { MediaSink } from './media-sink';
import { canPlayType, type AttachSource } from './media-source';
import { Seen } from './seen';
import { HAVE_FUTURE_DATA, watchPictures, type Cover, type Video } from './video';

/** How often the controller is asked. */
const STEER_EVERY_MS = 100;

/** What the playback works with; tests bring their own. */
export interface MseParts {
  video: Video;
  cover: Cover;
  attach?: AttachSource;
  canPlay?: (mime: string) => boolean;
}

/** See the head of the file. */
export class MsePlayback implements Playback {
  readonly #video: Video;
  readonly #canPlay: (mime: string) => boolean;
  readonly #owner: PlaybackOwner;
  readonly #timeline = new Timeline();
  readonly #edge = new LiveEdge();
  readonly #seen: Seen;
  readonly #latency: Latency;
  readonly #stalls: Stalls;
  readonly #sink: MediaSink;
  readonly #rate = new RateMeter();
  readonly #abort = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  /** For the one time that cannot wait until then. */
  #soon: ReturnType<typeof setTimeout> | undefined;
  /** The take that arrives, and the one that is appended. */
  #init: Pick<InitData, 'mime' | 'take'> | undefined;
  #placedTake: number | undefined;
  #started = false;
  #jump = false;
  /** The stream was joined anew: playback goes to its live edge once that has arrived and was appended. */
  #fresh: 'awaited' | 'arriving' | undefined;
  #jumps = 0;

  /** Takes over the video; `clock` is the node's, for latency. */
  constructor(parts: MseParts, clock: ServerClock, owner: PlaybackOwner) {
    this.#video = parts.video;
    this.#seen = new Seen(parts.video, parts.cover);
    this.#canPlay = parts.canPlay ?? canPlayType;
    this.#owner = owner;
    this.#latency = new Latency(clock, this.#timeline, () => owner.doubtsClock());
    this.#stalls = new Stalls({
      waiting: (waits) => owner.waiting(waits),
      stalled: (nowMs) => this.#edge.stalled(nowMs),
    });
    const sinkOwner = {
      positionMs: () => this.#positionMs,
      place: (chunks: readonly QueuedChunk[], end: number | undefined) => this.#place(chunks, end),
      changed: () => this.#steer(),
      failed: (reason: string) => this.#restart(reason),
    };
    this.#sink = new MediaSink(parts.video, sinkOwner, parts.attach);
    this.#timer = setInterval(() => this.#steer(), STEER_EVERY_MS);
    this.#listen();
  }

  push(data: StreamingData): void {
    this.#rate.arrived(data.data.byteLength, localNowMs());
    if (data.kind === 'init') this.#beginTake(data);
    else if (this.#init?.take === data.take) this.#addChunk(data);
  }

  expectBacklog(): void {
    this.#edge.expectBacklog();
  }

  startAfresh(): void {
    this.#fresh = 'awaited';
    this.#edge.joinAnew();
    this.#latency.reset();
  }

  get live(): boolean {
    return this.#stalls.live;
  }

  set live(live: boolean) {
    this.#stalls.live = live;
  }

  jumpToLive(): void {
    this.#jump = true;
    this.#steer();
  }

  get stats(): PlaybackStats {
    const edge = this.#timeline.edgeMs;
    const { paused, playbackRate, videoWidth, videoHeight } = this.#video;
    return {
      latencyMs: paused ? undefined : this.#latency.medianMs(),
      bufferMs: edge === undefined ? undefined : Math.max(0, edge - this.#positionMs),
      rate: playbackRate,
      bitsPerSecond: this.#rate.bitsPerSecond(localNowMs()),
      width: videoWidth,
      height: videoHeight,
      framesPerSecond: videoWidth > 0 ? this.#latency.picturesPerSecond() : undefined,
      droppedFrames: this.#video.getVideoPlaybackQuality().droppedVideoFrames,
      stalls: this.#stalls.count,
      jumps: this.#jumps,
      mime: this.#init?.mime,
      take: this.#init?.take,
    };
  }

  async play(): Promise<void> {
    await this.#video.play();
  }

  pause(): void {
    this.#video.pause();
  }

  get isPaused(): boolean {
    return this.#video.paused;
  }

  get muted(): boolean {
    return this.#video.muted;
  }

  set muted(muted: boolean) {
    this.#video.muted = muted;
  }

  get volume(): number {
    return this.#video.volume;
  }

  set volume(volume: number) {
    this.#video.volume = volume;
  }

  close(): void {
    this.#abort.abort();
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#seen.uncover();
    this.#sink.close();
    // What is buffered would play on.
    this.#video.pause();
  }

  get #positionMs(): number {
    return this.#video.currentTime * 1000;
  }

  #listen(): void {
    const { signal } = this.#abort;
    const listen = (type: string, heard: () => void): void => this.#video.addEventListener(type, heard, { signal });
    listen('waiting', () => this.#ranDry());
    listen('playing', () => this.#runs());
    listen('play', () => {
      this.#owner.played();
      this.jumpToLive();
    });
    listen('pause', () => this.#owner.paused());
    listen('volumechange', () => this.#owner.soundChanged());
    listen('error', () => this.#restart(this.#video.error?.message ?? 'the browser stopped'));
    watchPictures(this.#video, signal, (displayedAtMs, mediaMs) => this.#pictureShown(displayedAtMs, mediaMs));
    // Playback is the same in older browsers, only without a latency.
    if (this.#video.requestVideoFrameCallback === undefined) listen('loadeddata', () => this.#start());
  }

  #beginTake(init: InitData): void {
    if (this.#init?.take === init.take) return;
    if (!this.#canPlay(init.mime)) {
      this.#owner.cannotPlay(init.mime);
      return;
    }
    if (this.#init !== undefined && !sameTracks(this.#init.mime, init.mime)) this.#replaceSource();
    this.#init = { mime: init.mime, take: init.take };
    this.#sink.push({ kind: 'init', take: init.take, mime: init.mime, data: init.data });
  }

  #addChunk(chunk: MediaData): void {
    const { take, key, data } = chunk;
    if (this.#fresh === 'awaited') this.#fresh = 'arriving';
    const arrivedAtMs = localNowMs();
    const times = this.#latency.believed(chunk, arrivedAtMs);
    this.#sink.push({ kind: 'media', take, key, times, arrivedAtMs, data });
  }

  #place(chunks: readonly QueuedChunk[], playableEndMs: number | undefined): number {
    let offset = 0;
    for (const { times, arrivedAtMs, key } of chunks) {
      const { startMs, endMs, offsetMs } = this.#timeline.place(times, playableEndMs);
      if (this.#placedTake !== times.take) this.#edge.newTake();
      this.#placedTake = times.take;
      this.#edge.arrived(startMs, endMs, arrivedAtMs, key);
      offset = offsetMs;
    }
    return offset;
  }

  #steer(): void {
    const { edgeMs } = this.#timeline;
    if (edgeMs === undefined || this.#video.paused || this.#fresh === 'awaited') return;
    // A joiner's group comes in many pieces; where to start is known when they are all in.
    if ((!this.#started || this.#fresh === 'arriving') && !this.#sink.isIdle) return;
    if (this.#fresh === 'arriving') this.#jump = true;
    this.#fresh = undefined;
    this.#seen.moved(this.#positionMs);
    const { ranges } = this.#sink;
    if (ranges === undefined) return;
    const decision = this.#edge.decide({
      nowMs: localNowMs(),
      positionMs: this.#positionMs,
      edgeMs,
      ranges,
      seeking: this.#video.seeking || this.#seen.isAboutToJump,
      dry: this.#started && this.#video.readyState < HAVE_FUTURE_DATA,
      shownMs: this.#seen.newestMs,
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
    if (rate === 0) this.#stalls.hold(localNowMs());
    else this.#stalls.moves();
  }

  #seek(toMs: number): void {
    this.#jumps++;
    this.#stalls.placed(localNowMs());
    this.#video.playbackRate = 1;
    const begin = (): void => void (this.#video.currentTime = toMs / 1000);
    if (this.#started) this.#seen.jumps(toMs, begin);
    else begin();
  }

  #ranDry(): void {
    if (!this.#video.seeking && this.#started) this.#stalls.ranDry(localNowMs());
  }

  #runs(): void {
    this.#owner.waiting(false);
    if (this.#video.videoWidth === 0) this.#start();
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#stalls.placed(localNowMs());
    this.#owner.started();
  }

  #pictureShown(displayedAtMs: number, mediaMs: number): void {
    this.#start();
    if (this.#seen.shown(mediaMs)) this.#latency.shown(displayedAtMs, mediaMs);
  }

  #restart(reason: string): void {
    if (this.#abort.signal.aborted) return;
    this.#replaceSource();
    this.#init = undefined;
    this.#owner.restarted(reason);
  }

  #replaceSource(): void {
    this.#timeline.reset();
    this.#seen.startsOver();
    this.#fresh = undefined;
    this.#placedTake = undefined;
    this.#edge.reset();
    this.#latency.reset();
    this.#sink.replace();
  }
}
