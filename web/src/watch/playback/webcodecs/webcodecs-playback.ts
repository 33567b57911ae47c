// Playback of bare frames: decodes them itself, draws pictures and plays sound by one clock, which the live edge
// controller keeps close to what arrives. It starts over, and has the stream joined anew, where decoders fail for good.
//
//   chunk ─► records ─► take ─► picture track ─► VideoDecoder ─► newest due picture ─► screen      ┐
//              │                sound track ───► AudioDecoder ─► samples ──► audio thread          ├ follow PlayClock
//              └─► timeline, arrival ─► live edge controller ─► rate, jumps ───────────────────────┘

import type { InitData, MediaData, StreamingData } from '../../../protocol/event';
import { localNowMs, type ServerClock } from '../../../transport/clock';
import { Latency } from '../latency';
import { LiveEdge } from '../live-edge';
import { RateMeter } from '../meters';
import type { Playback, PlaybackOwner, PlaybackStats } from '../playback';
import { Stalls } from '../stalls';
import { Timeline } from '../timeline';
import { Joining } from './joining';
import type { Picture } from './picture-track';
import { PlayClock } from './play-clock';
import { readRecords } from './records';
import type { Screen } from './screen';
import { Sound, type CreateSink } from './sound';
import type { SoundBlock } from './sound-message';
import { canDecode } from './support';
import type { Decoders } from './take';
import { Takes } from './takes';
import { readTracks, type Display, type Tracks } from './tracks';

/** How often the controller is asked. */
const STEER_EVERY_MS = 50;
/** Sound is not stretched but played faster or slower, so by little; a jump costs hardly anything here. */
const PACE = { slowest: 0.98, fastest: 1.03, jumpBehindMs: 250 };

/** What the playback works with; tests bring their own. */
export interface WebCodecsParts {
  screen: Screen;
  decoders?: Decoders;
  /** Whether tracks can be decoded here. */
  support?: (tracks: Tracks) => Promise<boolean>;
  createSink?: CreateSink;
}

/** See the head of the file. */
export class WebCodecsPlayback implements Playback {
  readonly #screen: Screen;
  readonly #support: (tracks: Tracks) => Promise<boolean>;
  readonly #owner: PlaybackOwner;
  readonly #timeline = new Timeline();
  readonly #edge = new LiveEdge(PACE);
  readonly #clock = new PlayClock();
  readonly #joining = new Joining();
  readonly #sound: Sound;
  readonly #takes: Takes;
  readonly #latency: Latency;
  readonly #stalls: Stalls;
  readonly #rate = new RateMeter();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stopDrawing: () => void;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #init: Pick<InitData, 'mime' | 'take'> | undefined;
  #placedTake: number | undefined;
  /** Where what arrived without a hole begins. */
  #startMs: number | undefined;
  #isPaused = true;
  #started = false;
  #jump = false;
  #jumps = 0;
  #shownMs = 0;
  #closed = false;

  /** Draws on the screen of `parts`; `clock` is the node's, for latency. */
  constructor(parts: WebCodecsParts, clock: ServerClock, owner: PlaybackOwner) {
    this.#screen = parts.screen;
    this.#support = parts.support ?? canDecode;
    this.#owner = owner;
    this.#sound = new Sound(() => owner.soundChanged(), parts.createSink);
    const takeOwner = {
      sound: (block: SoundBlock) => this.#sound.play(block),
      failed: (reason: string) => this.#restart(reason),
    };
    this.#takes = new Takes(takeOwner, parts.decoders ?? {});
    this.#latency = new Latency(clock, this.#timeline, () => owner.doubtsClock());
    this.#stalls = new Stalls({
      waiting: (waits) => owner.waiting(waits),
      stalled: (nowMs) => this.#edge.stalled(nowMs),
    });
    this.#timer = setInterval(() => this.#steer(), STEER_EVERY_MS);
    this.#stopDrawing = parts.screen.onRefresh((displayedAtMs) => this.#draw(displayedAtMs));
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
    this.#joining.begin();
    this.#startMs = undefined;
    this.#takes.clear();
    this.#sound.clear();
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
    const { edgeMs } = this.#timeline;
    const nowMs = localNowMs();
    const { width, height } = this.#screen;
    return {
      latencyMs: this.#isPaused ? undefined : this.#latency.medianMs(),
      bufferMs: edgeMs === undefined ? undefined : Math.max(0, edgeMs - this.#clock.positionMs(nowMs)),
      rate: this.#isPaused ? 0 : this.#clock.rate,
      bitsPerSecond: this.#rate.bitsPerSecond(nowMs),
      width,
      height,
      framesPerSecond: width > 0 ? this.#latency.picturesPerSecond() : undefined,
      droppedFrames: this.#takes.dropped,
      stalls: this.#stalls.count,
      jumps: this.#jumps,
      mime: this.#init?.mime,
      take: this.#init?.take,
    };
  }

  async play(): Promise<void> {
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#owner.played();
    }
    this.jumpToLive();
    await this.#sound.start();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#setRate(0);
    this.#owner.paused();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get muted(): boolean {
    return this.#sound.muted;
  }

  set muted(muted: boolean) {
    this.#sound.muted = muted;
  }

  get volume(): number {
    return this.#sound.volume;
  }

  set volume(volume: number) {
    this.#sound.volume = volume;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#stopDrawing();
    this.#takes.close();
    this.#sound.close();
  }

  #beginTake(init: InitData): void {
    if (this.#init?.take === init.take) return;
    const tracks = readTracks(init.data);
    if (tracks === undefined) {
      this.#restart('the description of the tracks cannot be read');
      return;
    }
    void this.#checkSupport(tracks, init.mime);
    this.#init = { mime: init.mime, take: init.take };
    this.#sound.expect(tracks.audio);
    this.#takes.begin(tracks);
  }

  async #checkSupport(tracks: Tracks, mime: string): Promise<void> {
    const canPlay = await this.#support(tracks);
    if (!canPlay && !this.#closed && this.#init?.mime === mime) this.#owner.cannotPlay(mime);
  }

  #addChunk(chunk: MediaData): void {
    const records = readRecords(chunk.data);
    if (records === undefined) {
      this.#restart('a chunk cannot be read');
      return;
    }
    const nowMs = localNowMs();
    const { startMs, endMs, offsetMs } = this.#timeline.place(this.#latency.believed(chunk, nowMs));
    if (this.#placedTake !== chunk.take) this.#edge.newTake();
    this.#placedTake = chunk.take;
    this.#joining.arrived(nowMs);
    this.#startMs ??= startMs;
    this.#edge.arrived(startMs, endMs, nowMs);
    this.#takes.push(records, offsetMs);
    this.#clock.arrived(this.#playableEndMs ?? endMs, nowMs);
    this.#steer();
  }

  /** Where playback would run dry: where the sound ends, if there is sound. */
  get #playableEndMs(): number | undefined {
    const { edgeMs } = this.#timeline;
    const { soundEndMs } = this.#takes;
    return edgeMs === undefined ? undefined : Math.min(edgeMs, soundEndMs ?? edgeMs);
  }

  #steer(): void {
    const nowMs = localNowMs();
    const endMs = this.#playableEndMs;
    if (this.#startMs === undefined || endMs === undefined || this.#isPaused) return;
    if (this.#joining.ends(nowMs)) this.#jump = true;
    if (!this.#joining.isOver) return;
    const decision = this.#edge.decide({
      nowMs,
      positionMs: this.#clock.positionMs(nowMs),
      edgeMs: endMs,
      ranges: [{ startMs: this.#startMs, endMs: Math.max(this.#startMs, endMs) }],
      seeking: false,
      dry: false,
      shownMs: this.#shownMs,
      jump: this.#jump,
    });
    if (decision.kind === 'play') this.#playAt(decision.rate, decision.againInMs);
    else if (decision.kind === 'seek') this.#seek(decision.toMs, nowMs);
    else if (decision.kind === 'restart') this.#restart('media arrives, but none of it can be played');
    if (decision.kind !== 'wait') this.#jump = false;
    this.#decode(nowMs);
  }

  #decode(nowMs: number): void {
    this.#takes.decode(this.#clock.positionMs(nowMs));
  }

  #playAt(rate: number, againInMs: number): void {
    const nowMs = localNowMs();
    clearTimeout(this.#soon);
    if (againInMs < STEER_EVERY_MS) this.#soon = setTimeout(() => this.#steer(), againInMs);
    this.#setRate(rate);
    if (rate === 0) this.#stalls.hold(nowMs);
    else this.#stalls.moves();
    if (this.#takes.isSoundOnly && rate > 0) this.#start();
  }

  #setRate(rate: number): void {
    const nowMs = localNowMs();
    this.#clock.setRate(rate, nowMs);
    this.#sound.follow(this.#clock.positionMs(nowMs), rate);
  }

  #seek(toMs: number, nowMs: number): void {
    this.#jumps++;
    this.#stalls.placed(nowMs);
    this.#clock.jump(toMs, nowMs);
    this.#setRate(1);
  }

  #draw(displayedAtMs: number): void {
    const nowMs = localNowMs();
    if (this.#startMs === undefined || this.#isPaused || !this.#joining.isOver) return;
    const picture = this.#takes.due(this.#clock.positionMs(nowMs));
    if (picture !== undefined) this.#show(picture, displayedAtMs);
    this.#decode(nowMs);
  }

  #show({ frame, ptsMs, display }: Picture & { display: Display }, displayedAtMs: number): void {
    // The picture never goes back.
    if (ptsMs >= this.#shownMs) {
      this.#screen.draw(frame, display);
      this.#shownMs = ptsMs;
      this.#latency.shown(displayedAtMs, ptsMs);
      this.#start();
    }
    frame.close();
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#stalls.placed(localNowMs());
    this.#owner.started();
  }

  #restart(reason: string): void {
    if (this.#closed) return;
    this.#takes.close();
    this.#init = undefined;
    this.startAfresh();
    this.#edge.reset();
    this.#timeline.reset();
    this.#shownMs = 0;
    this.#placedTake = undefined;
    this.#owner.restarted(reason);
  }
}
