// Playback in one <video>: puts chunks on the timeline and into the media source, follows the live edge controller, and
// measures what is on screen. After any error of the browser it restarts with a new media source and has the stream
// joined again.

import type { InitData, MediaData } from '../../../protocol/event';
import { localNowMs, type ServerClock } from '../../../transport/clock';
import { sameTracks } from '../../mime';
import { VIDEO_PACE } from '../live-edge';
import { LivePlayback, type Together } from '../live-playback';
import type { PlaybackOwner, PlaybackStats } from '../playback';
import type { QueuedChunk } from './append-queue';
import { MediaSink } from './media-sink';
import { canPlayType, type AttachSource } from './media-source';
import { Seen } from './seen';
import { HAVE_FUTURE_DATA, watchPictures, type Cover, type Video } from './video';

/** Interval of the controller. */
const STEER_EVERY_MS = 100;

/** Dependencies of the playback; tests pass their own. */
export interface MseParts {
  video: Video;
  cover: Cover;
  attach?: AttachSource;
  canPlay?: (mime: string) => boolean;
}

/** Plays a stream in a <video> by Media Source Extensions. */
export class MsePlayback extends LivePlayback {
  readonly #video: Video;
  readonly #canPlay: (mime: string) => boolean;
  readonly #seen: Seen;
  readonly #sink: MediaSink;
  readonly #abort = new AbortController();
  /** State of a rejoin: playback goes to the live edge once it has arrived and was appended. */
  #fresh: 'awaited' | 'arriving' | undefined;

  /** Takes ownership of the video; `clock` is the node's, for latency. */
  constructor(parts: MseParts, clock: ServerClock, owner: PlaybackOwner, together?: Together) {
    super(STEER_EVERY_MS, VIDEO_PACE, clock, owner, together);
    this.#video = parts.video;
    this.#seen = new Seen(parts.video, parts.cover);
    this.#canPlay = parts.canPlay ?? canPlayType;
    const sinkOwner = {
      positionMs: () => this.positionMs,
      place: (chunks: readonly QueuedChunk[], end: number | undefined) => this.#place(chunks, end),
      changed: () => this.steer(),
      failed: (reason: string) => this.restart(reason),
    };
    this.#sink = new MediaSink(parts.video, sinkOwner, parts.attach);
    this.#listen();
  }

  startAfresh(): void {
    this.#fresh = 'awaited';
    this.edge.joinAnew();
    this.latency.reset();
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

  override close(): void {
    super.close();
    this.#abort.abort();
    this.#seen.uncover();
    this.#sink.close();
    // The buffered media would play on.
    this.#video.pause();
  }

  protected get positionMs(): number {
    return this.#video.currentTime * 1000;
  }

  protected get formStats(): Pick<PlaybackStats, 'rate' | 'width' | 'height' | 'droppedFrames'> {
    const { playbackRate: rate, videoWidth: width, videoHeight: height } = this.#video;
    return { rate, width, height, droppedFrames: this.#video.getVideoPlaybackQuality().droppedVideoFrames };
  }

  #listen(): void {
    const { signal } = this.#abort;
    const listen = (type: string, heard: () => void): void => this.#video.addEventListener(type, heard, { signal });
    listen('waiting', () => this.#ranDry());
    listen('playing', () => this.#runs());
    listen('play', () => {
      this.owner.played();
      this.jumpToLive();
    });
    listen('pause', () => this.owner.paused());
    listen('volumechange', () => this.owner.soundChanged());
    listen('error', () => this.restart(this.#video.error?.message ?? 'the browser stopped'));
    watchPictures(this.#video, signal, (displayedAtMs, mediaMs) => this.#pictureShown(displayedAtMs, mediaMs));
    // Older browsers play the same way, but without a latency.
    if (this.#video.requestVideoFrameCallback === undefined) listen('loadeddata', () => this.start());
  }

  protected beginTake({ take, mime, data }: InitData): void {
    if (!this.#canPlay(mime)) {
      this.owner.cannotPlay(mime);
      return;
    }
    if (this.init !== undefined && !sameTracks(this.init.mime, mime)) this.#replaceSource();
    this.init = { mime, take };
    this.#sink.push({ kind: 'init', take, mime, data });
  }

  protected addChunk(chunk: MediaData): void {
    const { take, key, data } = chunk;
    if (this.#fresh === 'awaited') this.#fresh = 'arriving';
    const arrivedAtMs = localNowMs();
    const times = this.latency.believed(chunk, arrivedAtMs);
    this.#sink.push({ kind: 'media', take, key, times, arrivedAtMs, data });
  }

  #place(chunks: readonly QueuedChunk[], playableEndMs: number | undefined): number {
    let offset = 0;
    for (const { times, arrivedAtMs, key } of chunks) {
      offset = this.place(times, arrivedAtMs, key, playableEndMs).offsetMs;
    }
    return offset;
  }

  protected steer(): void {
    const { edgeMs } = this.timeline;
    if (edgeMs === undefined || this.#video.paused || this.#fresh === 'awaited') return;
    // A joiner's group arrives in many chunks; the start position is known when all are appended.
    if ((!this.hasStarted || this.#fresh === 'arriving') && !this.#sink.isIdle) return;
    if (this.#fresh === 'arriving') this.isToJump = true;
    this.#fresh = undefined;
    this.#seen.moved(this.positionMs);
    const { ranges } = this.#sink;
    if (ranges === undefined) return;
    this.follow({
      edgeMs,
      ranges,
      seeking: this.#video.seeking || this.#seen.isAboutToJump,
      dry: this.hasStarted && this.#video.readyState < HAVE_FUTURE_DATA,
      shownMs: this.#seen.newestMs,
    });
  }

  protected setRate(rate: number): void {
    if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  protected jumpTo(toMs: number): void {
    this.#video.playbackRate = 1;
    const begin = (): void => void (this.#video.currentTime = toMs / 1000);
    if (this.hasStarted) this.#seen.jumps(toMs, begin);
    else begin();
  }

  #ranDry(): void {
    if (!this.#video.seeking && this.hasStarted) this.stalls.ranDry(localNowMs());
  }

  #runs(): void {
    this.owner.waiting(false);
    if (this.#video.videoWidth === 0) this.start();
  }

  #pictureShown(displayedAtMs: number, mediaMs: number): void {
    this.start();
    if (this.#seen.shown(mediaMs)) this.latency.shown(displayedAtMs, mediaMs);
  }

  protected restart(reason: string): void {
    if (this.#abort.signal.aborted) return;
    this.#replaceSource();
    this.owner.restarted(reason);
  }

  #replaceSource(): void {
    this.forgetMedia();
    this.#seen.startsOver();
    this.#fresh = undefined;
    this.#sink.replace();
  }
}
