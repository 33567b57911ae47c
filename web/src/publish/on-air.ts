// A stream on the air: its broadcast, preview pictures, duration, and its state at the main server.

import type { MainServer } from '../api/client';
import { serverTime } from '../api/server-time';
import type { Memory } from '../browser/storage';
import type { ItemId } from '../protocol/item';
import { GRACE_MS } from '../protocol/stream';
import { localNowMs } from '../transport/clock';
import type { Connect } from '../transport/connection';
import { Broadcast, type BroadcastState, type Quality, type Rates, type Source } from './broadcast';
import type { TypeProbe } from './codecs';
import type { StartEncoder } from './encoder';
import { keepRemembered, type OwnStream } from './own-stream';
import { lowerQuality } from './settings';
import { Thumbnails, type TakePicture } from './thumbnails';

/** How often the main server is asked for the number of viewers on all nodes. */
const LOOK_MS = 5_000;

/** Dependencies of a stream on the air. */
export interface AirSetup {
  server: MainServer;
  connect: Connect;
  probe: TypeProbe;
  encode: StartEncoder;
  takePicture: TakePicture;
  /** Remembers the stream for the lifetime of the tab. */
  tabMemory: Memory;
}

/** Callbacks of a stream on the air. */
export interface AirOwner {
  /** Displayed state changed, or another second has passed. */
  changed(): void;
  /** The state of the broadcast changed. */
  stateChanged(state: BroadcastState): void;
  /** The main server reports that the stream has ended. */
  over(): void;
}

/** The state and controls of one stream on the air. */
export class OnAir {
  readonly own: OwnStream;
  readonly #setup: AirSetup;
  readonly #owner: AirOwner;
  readonly #broadcast: Broadcast;
  readonly #thumbnails: Thumbnails;
  readonly #timers: ReturnType<typeof setInterval>[];
  #state: BroadcastState;
  #viewersEverywhere = 0;
  #startedAtMs: number | undefined;
  #nowMs = serverTime.nowMs();
  /** Since when nothing is shared, on the local clock. */
  #pausedAtMs: number | undefined;
  #wasLive = false;
  #recording: ItemId | undefined;
  #switching = false;
  #ending = false;

  /** `startedAtMs` is when a continued stream first went live. */
  constructor(
    setup: AirSetup,
    own: OwnStream,
    { startedAtMs, quality }: { startedAtMs: number | undefined; quality: Quality },
    owner: AirOwner,
  ) {
    this.own = own;
    this.#recording = own.recording;
    this.#setup = setup;
    this.#owner = owner;
    this.#startedAtMs = startedAtMs;
    const keep = keepRemembered(setup.tabMemory, own);
    const { server, connect, probe, encode } = setup;
    this.#broadcast = new Broadcast({
      ...{ own, server, connect, probe, encode, quality },
      onState: (state) => this.#stateChanged(state),
      onTake: (take) => keep({ next_take: take + 1 }),
      onAssignment: (publish) => keep({ publish }),
    });
    this.#state = this.#broadcast.state;
    this.#thumbnails = new Thumbnails(setup.takePicture, (...upload) => this.#putThumbnail(...upload));
    this.#timers = [setInterval(() => this.#second(), 1_000), setInterval(() => void this.#look(), LOOK_MS)];
  }

  get state(): BroadcastState {
    return this.#state;
  }

  /** Viewers on all nodes. */
  get viewers(): number {
    return Math.max(this.#state.viewers, this.#viewersEverywhere);
  }

  /** Duration as of the last second; undefined before the stream went live. */
  get runningMs(): number | undefined {
    return this.#startedAtMs === undefined ? undefined : this.#nowMs - this.#startedAtMs;
  }

  /** Whether the stream was ever live. */
  get wasLive(): boolean {
    return this.#wasLive;
  }

  /** The library item of the current recording. */
  get recording(): ItemId | undefined {
    return this.#recording;
  }

  /** Whether a request to start or stop recording is pending. */
  get isSwitchingRecording(): boolean {
    return this.#switching;
  }

  /** The newest publish grant. */
  get grant(): string {
    return this.#broadcast.grant;
  }

  /** Time until the node ends a stream for which nothing is shared; undefined while something is shared. */
  get graceLeftMs(): number | undefined {
    return this.#pausedAtMs === undefined ? undefined : Math.max(0, this.#pausedAtMs + GRACE_MS - localNowMs());
  }

  /** Recorded frames and bits per second. */
  get rates(): Rates {
    return this.#broadcast.rates;
  }

  /** Name of the quality in use. */
  get quality(): string {
    return this.#broadcast.quality.name;
  }

  get canLower(): boolean {
    return lowerQuality(this.#broadcast.quality) !== undefined;
  }

  /** Records `source` from now on; see {@link Broadcast.setSource}. */
  setSource(source: Source | undefined): void {
    this.#broadcast.setSource(source);
  }

  lowerQuality(): void {
    const lower = lowerQuality(this.#broadcast.quality);
    if (lower) this.#broadcast.setQuality(lower);
  }

  /** Records a smaller picture. */
  shrink(): void {
    this.#broadcast.shrink();
  }

  /**
   * Starts or stops recording the stream into the library.
   *
   * @throws CallError when the server refuses or cannot be reached.
   */
  async setRecording(on: boolean): Promise<void> {
    this.#switching = true;
    this.#owner.changed();
    try {
      await this.#setup.server.setRecording(this.own.stream_id, this.grant, on);
      await this.#look();
    } finally {
      this.#switching = false;
      this.#owner.changed();
    }
  }

  /** Ends the stream for everyone. */
  async end(): Promise<void> {
    // The server refuses preview pictures of an ended stream.
    this.#ending = true;
    this.#thumbnails.cancel();
    try {
      await this.#broadcast.end();
    } finally {
      this.#ending = false;
    }
  }

  /** Stops publishing, but keeps the figures. The stream does not end and can be continued. */
  close(): void {
    this.#nowMs = serverTime.nowMs();
    this.#thumbnails.close();
    this.#timers.forEach(clearInterval);
    this.#broadcast.close();
  }

  async #putThumbnail(picture: Blob, signal: AbortSignal): Promise<boolean> {
    if (this.#state.phase !== 'live' || this.#ending) return false;
    await this.#setup.server.putThumbnail(this.own.stream_id, this.#broadcast.grant, picture, signal);
    return true;
  }

  #stateChanged(state: BroadcastState): void {
    this.#state = state;
    if (!this.#broadcast.over) this.#wasLive = state.phase === 'live';
    if (state.phase === 'live') this.#startedAtMs ??= serverTime.nowMs();
    this.#pausedAtMs = state.phase === 'paused' ? (this.#pausedAtMs ?? localNowMs()) : undefined;
    this.#owner.stateChanged(state);
  }

  #second(): void {
    this.#nowMs = serverTime.nowMs();
    this.#owner.changed();
    // The node ends the stream now. Asks at once, so that the countdown does not stay at 0 until the next poll.
    if (this.graceLeftMs === 0) void this.#look();
  }

  async #look(): Promise<void> {
    try {
      const { viewers, state, recording } = await this.#setup.server.stream(this.own.stream_id, this.own.publish.grant);
      this.#viewersEverywhere = viewers;
      // The grant tells a node that takes the stream over while no main server answers.
      if (recording !== this.#recording) this.#broadcast.renewGrant();
      this.#recording = recording;
      if (state === 'ended') this.#owner.over();
      this.#owner.changed();
    } catch {
      // The node's state decides, and the next poll follows in a few seconds.
    }
  }
}
