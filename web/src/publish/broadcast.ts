// One stream of this page from going live to its end: captures are encoded into takes, which go to the publisher.
// Decides when an encoder must be restarted. No drawing.

import type { MainServer } from '../api/client';
import type { Assignment } from '../protocol/stream';
import { localNowMs } from '../transport/clock';
import type { Connect } from '../transport/connection';
import { supportedFormats, type RecordingFormat, type TypeProbe } from './codecs';
import type { Encoder, EncoderSettings, StartEncoder } from './encoder';
import { KeepUp } from './keep-up';
import { NO_FORMAT, RECORDER_FAILED, type Problem } from './problems';
import { Publisher } from './publisher';
import type { PublisherState } from './publisher-setup';
import { Rate } from './rate';
import { fit, same, smaller, type Size } from './size';
import type { OwnStream } from './own-stream';

/** Picture size and bit rate of a broadcast. */
export interface Quality {
  name: string;
  videoBitsPerSecond: number;
  /** Larger pictures are scaled down to this size. */
  size: Size;
}

/** All choices in display order; the second is the default. */
export const QUALITIES = [
  { name: 'Light', videoBitsPerSecond: 1_000_000, size: { width: 1280, height: 720 } },
  { name: 'Standard', videoBitsPerSecond: 2_500_000, size: { width: 1920, height: 1080 } },
  { name: 'Sharp', videoBitsPerSecond: 6_000_000, size: { width: 2560, height: 1440 } },
] as const satisfies readonly Quality[];

/** Automatic reduction does not go below this size. */
const SMALLEST_UNASKED: Size = { width: 1280, height: 720 };
const AUDIO_BITS_PER_SECOND = 128_000;
/** After this many failures within {@link FAILURES_WITHIN_MS} the encoder is not restarted. */
const MAX_ENCODER_FAILURES = 3;
const FAILURES_WITHIN_MS = 20_000;

/** The part of a capture that a broadcast needs. */
export interface Source {
  readonly stream: MediaStream;
  readonly hasAudio: boolean;
  /** Whether there is still something to record. */
  readonly live: boolean;
  /** Asks the source for pictures no larger than `size`. Larger ones may still come. */
  limit(size: Size): void;
}

/** The picture that viewers get. */
export interface Picture {
  /** Size from the source. */
  source: Size;
  /** Size as recorded. */
  sent: Size;
  /** The current limit of the recorded size. */
  limit: Size;
  /** Whether it is below the quality's size because this computer could not keep up. */
  reduced: boolean;
}

/** How a broadcast is doing. */
export interface BroadcastState extends PublisherState {
  /** Whether something is being recorded. */
  recording: boolean;
  /** Why nothing is being recorded, unless that was intended. */
  recorderProblem: Problem | undefined;
  /** Undefined before the first picture. */
  picture: Picture | undefined;
  /** Whether far fewer pictures are recorded than captured. */
  slow: boolean;
}

/** Recorded frames and bits per second over the last seconds; undefined while unknown. */
export interface Rates {
  framesPerSecond: number | undefined;
  bitsPerSecond: number | undefined;
}

/** Dependencies and callbacks of a broadcast. */
export interface BroadcastSetup {
  own: OwnStream;
  server: Pick<MainServer, 'publish' | 'endStream'>;
  connect: Connect;
  probe: TypeProbe;
  /** Starts encoders. */
  encode: StartEncoder;
  quality: Quality;
  onState(state: BroadcastState): void;
  /** A take begins; its number must never be reused for this stream. */
  onTake(take: number): void;
  /** A fresh publish grant, and the nodes to use it at. */
  onAssignment(publish: Assignment): void;
}

/** The encoding and publishing of one stream. */
export class Broadcast {
  readonly #setup: BroadcastSetup;
  readonly #publisher: Publisher;
  #source: Source | undefined;
  #encoder: Encoder | undefined;
  #nextTake: number;
  #quality: Quality;
  /** Below the quality's size after automatic reductions. */
  #limit: Size;
  #picture: Picture | undefined;
  #slow = false;
  #failuresAtMs: number[] = [];
  #recorderProblem: Problem | undefined;
  #bytes = new Rate();
  #frames = new Rate();

  constructor(setup: BroadcastSetup) {
    this.#setup = setup;
    this.#nextTake = setup.own.next_take;
    this.#quality = setup.quality;
    this.#limit = setup.quality.size;
    this.#publisher = new Publisher({
      streamId: setup.own.stream_id,
      assignment: setup.own.publish,
      connect: setup.connect,
      askForNodes: (grant, ask) => setup.server.publish(setup.own.stream_id, grant, ask),
      onState: () => this.#changed(),
      onAssignment: (publish) => setup.onAssignment(publish),
      // Deferred, because this runs inside the publisher's loop.
      needTake: () => queueMicrotask(() => this.#takeLost()),
    });
  }

  get state(): BroadcastState {
    const recording = this.#encoder !== undefined;
    return {
      ...this.#publisher.state,
      recording,
      recorderProblem: this.#recorderProblem,
      picture: recording ? this.#picture : undefined,
      slow: recording && this.#slow,
    };
  }

  /** The current rates. */
  get rates(): Rates {
    const nowMs = localNowMs();
    const bytesPerSecond = this.#bytes.perSecond(nowMs);
    return {
      framesPerSecond: this.#frames.perSecond(nowMs),
      bitsPerSecond: bytesPerSecond === undefined ? undefined : 8 * bytesPerSecond,
    };
  }

  /** The publish grant in use. */
  get grant(): string {
    return this.#publisher.grant;
  }

  /** Gets a fresh publish grant. */
  renewGrant(): void {
    this.#publisher.renewGrant();
  }

  /** Whether the stream has ended or failed. */
  get over(): boolean {
    return ['ended', 'failed'].includes(this.#publisher.state.phase);
  }

  /** Records `source` in a new take. Without a source the stream is interrupted, and ends after the grace period. */
  setSource(source: Source | undefined): void {
    this.#source = source;
    this.#failuresAtMs = [];
    this.#limit = this.#quality.size;
    this.#restart();
  }

  get quality(): Quality {
    return this.#quality;
  }

  /** Changes the quality, in a new take. */
  setQuality(quality: Quality): void {
    this.#quality = quality;
    this.#limit = quality.size;
    this.#restart();
  }

  /** Records a smaller picture in a new take, if there is a smaller step. */
  shrink(): void {
    const step = this.#picture && smaller(this.#picture.sent);
    if (!step) return;
    this.#limit = step;
    this.#restart();
  }

  /** Ends the stream permanently, through whichever server can be reached. */
  async end(): Promise<void> {
    this.#source = undefined;
    await this.#dropEncoder();
    try {
      await this.#publisher.end();
    } catch {
      await this.#setup.server.endStream(this.#setup.own.stream_id, this.grant);
    }
  }

  /** Stops everything locally. The stream does not end and can be continued. */
  close(): void {
    this.#source = undefined;
    void this.#dropEncoder();
    this.#publisher.close();
  }

  #restart(): void {
    void this.#dropEncoder();
    this.#recorderProblem = undefined;
    this.#slow = false;
    const source = this.#source;
    source?.limit(this.#limit);
    if (source?.live && !this.over) this.#record(source);
    this.#pauseIfIdle();
    this.#changed();
  }

  #record(source: Source): void {
    const [format] = supportedFormats(this.#setup.probe, source.hasAudio);
    if (!format) {
      this.#recorderProblem = NO_FORMAT;
      return;
    }
    const take = this.#nextTake++;
    this.#setup.onTake(take);
    let encoder: Encoder | undefined = undefined;
    let begun = false;
    let encodedBefore = 0;
    this.#bytes = new Rate();
    this.#frames = new Rate();
    const keepUp = new KeepUp();
    const current = (): boolean => this.#encoder === encoder && encoder !== undefined;
    try {
      encoder = this.#setup.encode(source.stream, this.#settings(format), {
        segment: (bytes, mime, capturedAtMs) => {
          if (!current()) return;
          // Only now does the encoder report the type it really uses.
          if (!begun) this.#publisher.startTake(take, mime);
          begun = true;
          this.#publisher.push(bytes, capturedAtMs);
          this.#bytes.add(bytes.byteLength, localNowMs());
          const { encoded } = encoder?.progress() ?? {};
          if (encoded !== undefined) {
            this.#frames.add(encoded - encodedBefore, localNowMs());
            encodedBefore = encoded;
          }
          this.#lookAtPicture(keepUp);
        },
        failed: () => {
          if (current()) this.#encoderFailed();
        },
      });
      this.#encoder = encoder;
    } catch {
      this.#recorderProblem = RECORDER_FAILED;
    }
  }

  /** Updates the viewers' picture size, and reduces it when the encoder does not keep up. */
  #lookAtPicture(keepUp: KeepUp): void {
    const { offered, encoded, size } = this.#encoder?.progress() ?? {};
    const before = { slow: this.#slow, picture: this.#picture };
    if (size) {
      const reduced = this.#limit.width < this.#quality.size.width;
      this.#picture = { ...size, limit: this.#limit, reduced };
    }
    if (offered !== undefined && encoded !== undefined) {
      this.#slow = keepUp.isBehind(localNowMs(), offered, encoded);
    }
    if (this.#slow && size && fit(size.sent, SMALLEST_UNASKED) !== size.sent) this.shrink();
    else if (this.#slow !== before.slow || !samePicture(this.#picture, before.picture)) this.#changed();
  }

  #settings(format: RecordingFormat): EncoderSettings {
    return {
      type: format.recorderType,
      videoBitsPerSecond: this.#quality.videoBitsPerSecond,
      audioBitsPerSecond: AUDIO_BITS_PER_SECOND,
      limit: this.#limit,
    };
  }

  async #dropEncoder(): Promise<void> {
    const encoder = this.#encoder;
    this.#encoder = undefined;
    await encoder?.stop();
  }

  #encoderFailed(): void {
    const nowMs = performance.now();
    this.#failuresAtMs = [...this.#failuresAtMs.filter((atMs) => nowMs - atMs < FAILURES_WITHIN_MS), nowMs];
    if (this.#failuresAtMs.length < MAX_ENCODER_FAILURES) {
      this.#restart();
      return;
    }
    void this.#dropEncoder();
    this.#recorderProblem = RECORDER_FAILED;
    this.#pauseIfIdle();
    this.#changed();
  }

  /** Without a recording, viewers would see the last picture marked *live*. */
  #pauseIfIdle(): void {
    if (this.#encoder === undefined && !this.over) this.#publisher.pause();
  }

  #takeLost(): void {
    if (this.#encoder) this.#restart();
  }

  #changed(): void {
    if (this.over && this.#encoder) void this.#dropEncoder();
    this.#setup.onState(this.state);
  }
}

function samePicture(a: Picture | undefined, b: Picture | undefined): boolean {
  return same(a?.source, b?.source) && same(a?.sent, b?.sent) && same(a?.limit, b?.limit) && a?.reduced === b?.reduced;
}
