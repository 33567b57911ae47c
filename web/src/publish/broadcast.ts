// One stream of this page from going live to its end: takes from captures, through encoders, to the publisher. Knows
// when an encoder has to be started anew; draws nothing.

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

/** How sharp, and how many bytes it takes. */
export interface Quality {
  name: string;
  videoBitsPerSecond: number;
  /** Larger pictures are scaled down to it. */
  size: Size;
}

/** The choices, in the order to show them; the second is the default. */
export const QUALITIES = [
  { name: 'Light', videoBitsPerSecond: 1_000_000, size: { width: 1280, height: 720 } },
  { name: 'Standard', videoBitsPerSecond: 2_500_000, size: { width: 1920, height: 1080 } },
  { name: 'Sharp', videoBitsPerSecond: 6_000_000, size: { width: 2560, height: 1440 } },
] as const satisfies readonly Quality[];

/** The picture is not made smaller than this unasked. */
const SMALLEST_UNASKED: Size = { width: 1280, height: 720 };
const AUDIO_BITS_PER_SECOND = 128_000;
/** An encoder that fails this often within {@link FAILURES_WITHIN_MS} is not started again. */
const MAX_ENCODER_FAILURES = 3;
const FAILURES_WITHIN_MS = 20_000;

/** What is recorded: a capture, as far as this module needs to know it. */
export interface Source {
  readonly stream: MediaStream;
  readonly hasAudio: boolean;
  /** Whether there is still something to record. */
  readonly live: boolean;
  /** Asks the source for pictures no larger than `size`. Larger ones may come all the same. */
  limit(size: Size): void;
}

/** The picture that viewers get. */
export interface Picture {
  /** As the source gives it. */
  source: Size;
  /** As it is recorded. */
  sent: Size;
  /** The most that is recorded now. */
  limit: Size;
  /** It is smaller than the quality allows because this computer could not keep up. */
  reduced: boolean;
}

/** How a broadcast is doing. */
export interface BroadcastState extends PublisherState {
  /** Whether something is being recorded. */
  recording: boolean;
  /** Why not, if that was not asked for. */
  recorderProblem: Problem | undefined;
  /** None before the first. */
  picture: Picture | undefined;
  /** Whether far fewer pictures are recorded than there are. */
  slow: boolean;
}

/** What is recorded per second, over the last seconds; undefined while that is not known. */
export interface Rates {
  framesPerSecond: number | undefined;
  bitsPerSecond: number | undefined;
}

/** What a broadcast works with. */
export interface BroadcastSetup {
  own: OwnStream;
  server: Pick<MainServer, 'publish' | 'endStream'>;
  connect: Connect;
  probe: TypeProbe;
  /** Makes takes. */
  encode: StartEncoder;
  quality: Quality;
  onState(state: BroadcastState): void;
  /** A take begins: its number must never be used again for this stream. */
  onTake(take: number): void;
  /** A fresh publish grant, and the nodes to use it at. */
  onAssignment(publish: Assignment): void;
}

/** A stream on the air. */
export class Broadcast {
  readonly #setup: BroadcastSetup;
  readonly #publisher: Publisher;
  #source: Source | undefined;
  #encoder: Encoder | undefined;
  #nextTake: number;
  #quality: Quality;
  /** Less than the quality's after steps down. */
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
      // Not from within the publisher's own loop.
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

  /** As of now. */
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

  /** Whether the stream is over. */
  get over(): boolean {
    return ['ended', 'failed'].includes(this.#publisher.state.phase);
  }

  /** Records `source` from now on, in a new take; without one the stream is interrupted, and ends after a while. */
  setSource(source: Source | undefined): void {
    this.#source = source;
    this.#failuresAtMs = [];
    this.#limit = this.#quality.size;
    this.#restart();
  }

  get quality(): Quality {
    return this.#quality;
  }

  /** Records in another quality from now on, in a new take. */
  setQuality(quality: Quality): void {
    this.#quality = quality;
    this.#limit = quality.size;
    this.#restart();
  }

  /** Records a smaller picture from now on, in a new take, if there is a smaller step. */
  shrink(): void {
    const step = this.#picture && smaller(this.#picture.sent);
    if (!step) return;
    this.#limit = step;
    this.#restart();
  }

  /** Ends the stream for good, by whichever server can be reached. */
  async end(): Promise<void> {
    this.#source = undefined;
    await this.#dropEncoder();
    try {
      await this.#publisher.end();
    } catch {
      await this.#setup.server.endStream(this.#setup.own.stream_id, this.grant);
    }
  }

  /** Lets go of everything. The stream is not ended and can be continued. */
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
          // Only now does the encoder tell the type it really uses.
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

  /** Tells what viewers get, and makes it smaller when the encoder does not keep up. */
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

  /** Without a recording viewers would see the last picture under *live*. */
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
