// The sound of a party's songs: one audio context for the page, its volume, and the time at which each moment of it is
// heard. The context runs while a song uses it, and is suspended some time after that. Browsers let it run only after a
// press. No DOM but the context.

import { createContext } from '../../audio/context';
import { knownLatenessMs, OutputClock, type TimedContext } from '../../audio/output-clock';
import type { EngineContext } from '../../audio/song-engine';
import type { Timers } from '../timers';

/** A context that is not running after this time is blocked by the browser. */
const STARTS_WITHIN_MS = 1_500;
/** How long the context keeps running after the last song, so that the next one starts at once. */
const RESTS_AFTER_MS = 30_000;
/** Time constant of volume changes: slow enough not to click. */
const VOLUME_S = 0.015;

/** The part of an audio context that is used. */
export type SoundContext = EngineContext &
  TimedContext &
  Pick<AudioContext, 'close' | 'createBuffer' | 'decodeAudioData' | 'destination' | 'resume' | 'suspend'>;

/** Dependencies of the sound; tests replace them. */
export interface SoundSetup {
  timers: Timers;
  /** `performance.now`, and the Unix time of its zero. */
  now: () => number;
  timeOriginMs: number;
  create: () => SoundContext;
  /** Sends `devicechange`; undefined if the browser does not. */
  devices?: EventTarget | undefined;
  /** How much later sound is heard than the browser reports; by default as measured for this browser. */
  lateMs?: number;
}

/** The audio output of one page. */
export class PartySound {
  readonly #setup: SoundSetup;
  #parts: { context: SoundContext; volume: GainNode; clock: OutputClock } | undefined;
  #volume = 1;
  #users = 0;
  #wantedAtMs: number | undefined;
  #cancelRest: (() => void) | undefined;
  #isClosed = false;

  constructor(setup: Pick<SoundSetup, 'timers'> & Partial<SoundSetup>) {
    this.#setup = {
      now: () => performance.now(),
      timeOriginMs: performance.timeOrigin,
      // Large buffers: scheduled sound needs no low latency, and must not break up on a busy machine.
      create: () => createContext({ latencyHint: 'playback' }),
      ...setup,
    };
    this.#setup.devices?.addEventListener('devicechange', this.#deviceChanged);
  }

  /** The context, created on first use. */
  get context(): SoundContext {
    return this.#made.context;
  }

  /** The node that songs connect to. */
  get output(): AudioNode {
    return this.#made.volume;
  }

  /** Whether the browser blocks the context until the person presses something. */
  get isRefused(): boolean {
    const since = this.#wantedAtMs;
    if (since === undefined || this.#parts === undefined || this.#parts.context.state === 'running') return false;
    return this.#setup.now() - since > STARTS_WITHIN_MS;
  }

  /** Keeps the context running until the returned function is called. */
  use(): () => void {
    this.#users++;
    this.#cancelRest?.();
    this.#run();
    let isUsed = true;
    return () => {
      if (!isUsed) return;
      isUsed = false;
      if (--this.#users === 0) this.#restLater();
    };
  }

  /** Starts the context after a press. Must be called in the event's handler. */
  unlock(): void {
    this.#run();
    if (this.#users === 0) this.#restLater();
  }

  /** Sets the volume, 0 to 1. */
  setVolume(volume: number): void {
    this.#volume = volume;
    const { context, volume: node } = this.#parts ?? {};
    if (context !== undefined) node?.gain.setTargetAtTime(volume, context.currentTime, VOLUME_S);
  }

  /** Compares the clocks. To be called about 25 times a second while a song uses the sound. */
  read(): void {
    this.#parts?.clock.read();
  }

  /** The context's time that is heard at a local time, s; undefined while unknown. */
  heardAt(localMs: number): number | undefined {
    return this.#parts?.clock.heardAt(localMs - this.#setup.timeOriginMs);
  }

  /** The local time at which a time of the context is heard; undefined while unknown. */
  whenHeard(contextS: number): number | undefined {
    const ms = this.#parts?.clock.whenHeard(contextS);
    return ms === undefined ? undefined : ms + this.#setup.timeOriginMs;
  }

  close(): void {
    this.#isClosed = true;
    this.#setup.devices?.removeEventListener('devicechange', this.#deviceChanged);
    this.#cancelRest?.();
    // Closing a context twice rejects; that needs no handling.
    this.#parts?.context.close().catch(() => undefined);
    this.#parts = undefined;
  }

  get #made(): { context: SoundContext; volume: GainNode; clock: OutputClock } {
    if (this.#parts !== undefined) return this.#parts;
    const { create, now, lateMs } = this.#setup;
    const context = create();
    const volume = context.createGain();
    volume.gain.value = this.#volume;
    volume.connect(context.destination);
    this.#parts = {
      context,
      volume,
      clock: new OutputClock(context, now, lateMs ?? knownLatenessMs(navigator.userAgent)),
    };
    return this.#parts;
  }

  readonly #deviceChanged = (): void => this.#parts?.clock.deviceChanged();

  #run(): void {
    if (this.#isClosed) return;
    this.#wantedAtMs ??= this.#setup.now();
    // `isRefused` reports that the browser refuses.
    if (this.context.state !== 'running') this.context.resume().catch(() => undefined);
  }

  #restLater(): void {
    this.#cancelRest?.();
    this.#cancelRest = this.#setup.timers.after(RESTS_AFTER_MS, () => {
      this.#wantedAtMs = undefined;
      this.#parts?.context.suspend().catch(() => undefined);
    });
  }
}
