// A stream on the air: its broadcast, its preview pictures, how long it runs, and what the main server knows of it.

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

/** How often the main server is asked for the viewers on all nodes. */
const LOOK_MS = 5_000;

/** What a stream on the air works with. */
export interface AirSetup {
  server: MainServer;
  connect: Connect;
  probe: TypeProbe;
  encode: StartEncoder;
  takePicture: TakePicture;
  /** Remembers the stream for as long as the tab lives. */
  tabMemory: Memory;
}

/** What a stream on the air tells. */
export interface AirOwner {
  /** Anything that is shown changed; another second is over. */
  changed(): void;
  /** The broadcast is in another state. */
  stateChanged(state: BroadcastState): void;
  /** The main server says that the stream is over. */
  over(): void;
}

/** See the head of the file. */
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
  /** Since when nothing is shared, on our clock. */
  #pausedAtMs: number | undefined;
  #wasLive = false;
  #recording: ItemId | undefined;
  #switching = false;
  #ending = false;

  /** `startedAtMs` is when a stream that is continued went live first. */
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

  /** On all nodes. */
  get viewers(): number {
    return Math.max(this.#state.viewers, this.#viewersEverywhere);
  }

  /** As of the last second; undefined before the stream went live. */
  get runningMs(): number | undefined {
    return this.#startedAtMs === undefined ? undefined : this.#nowMs - this.#startedAtMs;
  }

  /** Whether it was live until it was over, or is. */
  get wasLive(): boolean {
    return this.#wasLive;
  }

  /** The item of the library that the stream is recorded into, while it is. */
  get recording(): ItemId | undefined {
    return this.#recording;
  }

  /** Whether the server has been asked to begin or to end recording, and has not answered yet. */
  get isSwitchingRecording(): boolean {
    return this.#switching;
  }

  /** The newest publish grant. */
  get grant(): string {
    return this.#broadcast.grant;
  }

  /** Until the node ends a stream for which nothing is shared; undefined while something is. */
  get graceLeftMs(): number | undefined {
    return this.#pausedAtMs === undefined ? undefined : Math.max(0, this.#pausedAtMs + GRACE_MS - localNowMs());
  }

  /** What is recorded per second. */
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
   * Begins or ends recording the stream into the library.
   *
   * @throws CallError when the server refuses or cannot be asked.
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
    // The server refuses the picture of a stream that is over.
    this.#ending = true;
    this.#thumbnails.cancel();
    try {
      await this.#broadcast.end();
    } finally {
      this.#ending = false;
    }
  }

  /** Leaves the air; the figures stay. The stream is not ended and can be continued. */
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
    // The node ends the stream now: who looks at the countdown should not wait for the next look.
    if (this.graceLeftMs === 0) void this.#look();
  }

  async #look(): Promise<void> {
    try {
      const { viewers, state, recording } = await this.#setup.server.stream(this.own.stream_id, this.own.publish.grant);
      this.#viewersEverywhere = viewers;
      this.#recording = recording;
      if (state === 'ended') this.#owner.over();
      this.#owner.changed();
    } catch {
      // The node is the one that counts; the next look is in a few seconds.
    }
  }
}
