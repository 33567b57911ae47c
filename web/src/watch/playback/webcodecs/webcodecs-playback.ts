// Playback of bare frames: decodes them itself, draws pictures and plays sound by one clock, which the live edge
// controller keeps close to what arrives. It starts over, and has the stream joined anew, where decoders fail for good.
//
//   chunk ─► records ─► take ─► picture track ─► VideoDecoder ─► newest due picture ─► screen      ┐
//              │                sound track ───► AudioDecoder ─► samples ──► audio thread          ├ follow PlayClock
//              └─► timeline, arrival ─► live edge controller ─► rate, jumps ───────────────────────┘

import type { InitData, MediaData } from '../../../protocol/event';
import { localNowMs, type ServerClock } from '../../../transport/clock';
import { LivePlayback, type Together } from '../live-playback';
import type { PlaybackOwner, PlaybackStats } from '../playback';
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

/** Interval of the controller. */
const STEER_EVERY_MS = 50;
/** Speed changes the pitch of the sound here, so the limits are narrow; a jump costs almost nothing. */
const PACE = { slowest: 0.98, fastest: 1.03, jumpBehindMs: 250 };

/** Dependencies of the playback; tests pass their own. */
export interface WebCodecsParts {
  screen: Screen;
  decoders?: Decoders;
  /** Whether this browser can decode the tracks. */
  support?: (tracks: Tracks) => Promise<boolean>;
  createSink?: CreateSink;
}

/** Plays bare frames by WebCodecs. */
export class WebCodecsPlayback extends LivePlayback {
  readonly #screen: Screen;
  readonly #support: (tracks: Tracks) => Promise<boolean>;
  readonly #clock = new PlayClock();
  readonly #joining = new Joining();
  readonly #sound: Sound;
  readonly #takes: Takes;
  readonly #stopDrawing: () => void;
  /** The beginning of the media that arrived without a gap. */
  #startMs: number | undefined;
  #isPaused = true;
  #shownMs = 0;
  #closed = false;

  /** Draws on the screen of `parts`; `clock` is the node's, for latency. */
  constructor(parts: WebCodecsParts, clock: ServerClock, owner: PlaybackOwner, together?: Together) {
    super(STEER_EVERY_MS, PACE, clock, owner, together);
    this.#screen = parts.screen;
    this.#support = parts.support ?? canDecode;
    this.#sound = new Sound(() => owner.soundChanged(), parts.createSink);
    const takeOwner = {
      sound: (block: SoundBlock) => this.#sound.play(block),
      failed: (reason: string) => this.restart(reason),
    };
    this.#takes = new Takes(takeOwner, parts.decoders ?? {});
    this.#stopDrawing = parts.screen.onRefresh((displayedAtMs) => this.#draw(displayedAtMs));
  }

  startAfresh(): void {
    this.#joining.begin();
    this.#startMs = undefined;
    this.#takes.clear();
    this.#sound.clear();
    this.edge.joinAnew();
    this.latency.reset();
  }

  async play(): Promise<void> {
    if (this.#isPaused) {
      this.#isPaused = false;
      this.owner.played();
    }
    this.jumpToLive();
    await this.#sound.start();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.setRate(0);
    this.owner.paused();
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

  override close(): void {
    super.close();
    this.#closed = true;
    this.#stopDrawing();
    this.#takes.close();
    this.#sound.close();
  }

  protected get positionMs(): number {
    return this.#clock.positionMs(localNowMs());
  }

  protected get formStats(): Pick<PlaybackStats, 'rate' | 'width' | 'height' | 'droppedFrames'> {
    const { width, height } = this.#screen;
    return { rate: this.#isPaused ? 0 : this.#clock.rate, width, height, droppedFrames: this.#takes.dropped };
  }

  protected beginTake({ take, mime, data }: InitData): void {
    const tracks = readTracks(data);
    if (tracks === undefined) {
      this.restart('the description of the tracks cannot be read');
      return;
    }
    void this.#checkSupport(tracks, mime);
    this.init = { mime, take };
    this.#sound.expect(tracks.audio);
    this.#takes.begin(tracks);
  }

  async #checkSupport(tracks: Tracks, mime: string): Promise<void> {
    const canPlay = await this.#support(tracks);
    if (!canPlay && !this.#closed && this.init?.mime === mime) this.owner.cannotPlay(mime);
  }

  protected addChunk(chunk: MediaData): void {
    const records = readRecords(chunk.data);
    if (records === undefined) {
      this.restart('a chunk cannot be read');
      return;
    }
    const nowMs = localNowMs();
    const times = this.latency.believed(chunk, nowMs);
    const { startMs, endMs, offsetMs } = this.place(times, nowMs, chunk.key);
    this.#joining.arrived(nowMs);
    this.#startMs ??= startMs;
    this.#takes.push(records, offsetMs);
    this.#clock.arrived(this.#playableEndMs ?? endMs, nowMs);
    this.steer();
  }

  /** Where playback would run dry: the end of the sound, if there is sound. */
  get #playableEndMs(): number | undefined {
    const { edgeMs } = this.timeline;
    const { soundEndMs } = this.#takes;
    return edgeMs === undefined ? undefined : Math.min(edgeMs, soundEndMs ?? edgeMs);
  }

  protected steer(): void {
    const nowMs = localNowMs();
    const endMs = this.#playableEndMs;
    if (this.#startMs === undefined || endMs === undefined || this.#isPaused) return;
    if (this.#joining.ends(nowMs)) this.isToJump = true;
    if (!this.#joining.isOver) return;
    if (this.#takes.isSoundOnly && this.#clock.rate > 0) this.start();
    this.follow({
      edgeMs: endMs,
      ranges: [{ startMs: this.#startMs, endMs: Math.max(this.#startMs, endMs) }],
      seeking: false,
      dry: false,
      shownMs: this.#shownMs,
    });
    this.#takes.decode(this.positionMs);
  }

  protected setRate(rate: number): void {
    const nowMs = localNowMs();
    this.#clock.setRate(rate, nowMs);
    this.#sound.follow(this.#clock.positionMs(nowMs), rate);
  }

  protected jumpTo(toMs: number): void {
    this.#clock.jump(toMs, localNowMs());
    this.setRate(1);
  }

  #draw(displayedAtMs: number): void {
    if (this.#startMs === undefined || this.#isPaused || !this.#joining.isOver) return;
    const { positionMs } = this;
    const picture = this.#takes.due(positionMs);
    if (picture !== undefined) this.#show(picture, displayedAtMs);
    this.#takes.decode(positionMs);
  }

  #show({ frame, ptsMs, display }: Picture & { display: Display }, displayedAtMs: number): void {
    // Never show an earlier picture.
    if (ptsMs >= this.#shownMs) {
      this.#screen.draw(frame, display);
      this.#shownMs = ptsMs;
      this.latency.shown(displayedAtMs, ptsMs);
      this.start();
    }
    frame.close();
  }

  protected restart(reason: string): void {
    if (this.#closed) return;
    this.#takes.close();
    this.startAfresh();
    this.forgetMedia();
    this.#shownMs = 0;
    this.owner.restarted(reason);
  }
}
