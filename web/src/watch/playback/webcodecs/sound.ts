// Whether and how loud sound plays. The output is created for the first take with sound, and started with playback,
// because browsers may require a gesture before any sound.

import type { SoundBlock } from './sound-message';
import { SoundOutput, type SoundSink } from './sound-output';
import type { AudioTrack } from './tracks';

/** Creates outputs for a sample rate. */
export type CreateSink = (sampleRate: number) => SoundSink;

/** The sound of one playback. */
export class Sound {
  readonly #changed: () => void;
  readonly #create: CreateSink;
  #sink: SoundSink | undefined;
  #sampleRate: number | undefined;
  /** Whether playback was started, so that sound may begin. */
  #wanted = false;
  #muted = false;
  #volume = 1;

  /** `changed` is called when {@link muted} or {@link volume} change. */
  constructor(changed: () => void, create: CreateSink = (sampleRate) => new SoundOutput(sampleRate)) {
    this.#changed = changed;
    this.#create = create;
  }

  /** The next take has this sound, or none. */
  expect(track: AudioTrack | undefined): void {
    const sampleRate = track?.config.sampleRate;
    if (sampleRate === undefined || sampleRate === this.#sampleRate) return;
    this.#sink?.close();
    this.#sampleRate = sampleRate;
    this.#sink = this.#create(sampleRate);
    this.#sink.setVolume(this.#muted ? 0 : this.#volume);
    if (this.#wanted && !this.#muted) void this.#sink.resume();
  }

  /**
   * Plays sound from now on, unless muted.
   *
   * @throws DOMException `NotAllowedError` if the browser requires a gesture first.
   */
  async start(): Promise<void> {
    this.#wanted = true;
    if (this.#muted || this.#sink === undefined || (await this.#sink.resume())) return;
    throw new DOMException('the browser lets nothing sound yet', 'NotAllowedError');
  }

  play(block: SoundBlock): void {
    this.#sink?.play(block);
  }

  clear(): void {
    this.#sink?.clear();
  }

  /** The media time is `positionMs` now, running at `rate`. */
  follow(positionMs: number, rate: number): void {
    this.#sink?.follow(positionMs, rate, performance.now());
  }

  get muted(): boolean {
    return this.#muted;
  }

  set muted(muted: boolean) {
    this.#muted = muted;
    this.#tell();
    if (!muted && this.#wanted) void this.#sink?.resume();
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = volume;
    this.#tell();
  }

  close(): void {
    this.#sink?.close();
    this.#sink = undefined;
  }

  #tell(): void {
    this.#sink?.setVolume(this.#muted ? 0 : this.#volume);
    this.#changed();
  }
}
