// Plays the stems of a song in step to the sample, on the clock of an audio context. When a piece of one stem is late,
// all stems stop, and continue from there once it has loaded. The volume of each can change during playback. No DOM;
// the output is passed in.

import { SongEngine, type EngineContext } from '../audio/song-engine';
import type { SoundSource } from '../audio/sound-source';
import { asCallError, type CallError } from '../protocol/error';

/** Delay between a start and the first sound, because nothing can be scheduled in the past. */
const LEAD_S = 0.08;
/** How often the next pieces are scheduled. */
const LOOK_MS = 250;
/** Time constant of volume changes: slow enough not to click. */
const VOLUME_S = 0.015;

/** The output that stems play through. */
export interface StemOutput {
  /** Its clock stands still until the browser lets it run. */
  readonly context: EngineContext;
  /** The node that the stems connect to. */
  readonly input: AudioNode;
  /** Delay between the scheduled time and when sound is heard, in seconds. */
  readonly latencyS: number;
  /** Whether the clock runs. The browser or the device may stop it at any time. */
  readonly isRunning: boolean;
  /** Starts the clock. Returns whether the browser allows it; it may require a press. */
  resume(): Promise<boolean>;
  close(): void;
}

/** Stems that are ready to play. */
export interface OpenStems {
  sources: readonly SoundSource[];
  output: StemOutput;
}

/**
 * The state of a player. `waiting`: media is late, and the player keeps trying. `refused`: the browser requires a press
 * first.
 */
export interface StemState {
  phase: 'opening' | 'paused' | 'playing' | 'waiting' | 'refused' | 'ended' | 'failed';
  durationMs: number;
  error?: CallError;
}

/** Dependencies and callbacks of a player. */
export interface StemPlayerSetup {
  /** Opens the stems; `failed` is called for each try that fails temporarily. */
  open: (failed: (error: CallError) => void) => Promise<OpenStems>;
  changed: (state: StemState) => void;
  /** Calls `call` every `ms` until the returned function is called. */
  every?: (ms: number, call: () => void) => () => void;
}

interface Playback extends OpenStems {
  engine: SongEngine;
}

/** Plays, pauses and seeks all stems of a song together. */
export class StemPlayer {
  readonly #setup: StemPlayerSetup;
  readonly #gains = new Map<number, number>();
  readonly #stopLooking: () => void;
  #playback: Playback | undefined;
  #state: StemState = { phase: 'opening', durationMs: 0 };
  /** When the current playback began, in the context's time; undefined while nothing plays. */
  #fromS: number | undefined;
  /** The position while nothing plays, or at which the current playback began. */
  #positionMs = 0;
  #wantsToPlay = false;
  /** Grows with each start, so that an outdated one can stop. */
  #starts = 0;
  #isClosed = false;

  constructor(setup: StemPlayerSetup) {
    this.#setup = setup;
    const every = setup.every ?? repeat;
    this.#stopLooking = every(LOOK_MS, () => this.#look());
  }

  get state(): StemState {
    return this.#state;
  }

  /** Whether it plays, or will as soon as it can. */
  get isWanted(): boolean {
    return this.#wantsToPlay;
  }

  /** The position of the song that is heard now, in ms. */
  get positionMs(): number {
    if (this.#fromS === undefined || this.#playback === undefined) return this.#positionMs;
    const { engine, output } = this.#playback;
    const heardS = Math.max(this.#fromS, output.context.currentTime - output.latencyS);
    const positionS = engine.positionAt(heardS);
    return positionS === undefined ? this.#positionMs : Math.min(this.#state.durationMs, positionS * 1000);
  }

  /** Opens the stems. Problems are reported in the state. */
  async open(): Promise<void> {
    try {
      const { sources, output } = await this.#setup.open((error) => this.#tellDelay(error));
      const engine = new SongEngine(output.context, [], output.input, { haltsDry: true });
      sources.forEach((source, stem) => engine.add(source, this.#gains.get(stem)));
      this.#playback = { sources, output, engine };
      if (this.#isClosed) {
        this.#free();
        return;
      }
      this.#tell({ phase: 'paused', durationMs: Math.min(...sources.map(({ plan }) => plan.durationMs)) });
      if (this.#wantsToPlay) await this.#start();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Plays; after the end, from the beginning. */
  play(): void {
    if (this.#state.phase === 'ended') this.#positionMs = 0;
    this.#wantsToPlay = true;
    void this.#start();
  }

  pause(): void {
    this.#wantsToPlay = false;
    this.#halt();
    if (this.#playback !== undefined && this.#state.phase !== 'failed') this.#tell({ phase: 'paused' });
  }

  seek(ms: number): void {
    this.#halt();
    this.#positionMs = Math.min(Math.max(0, ms), Math.max(0, this.#state.durationMs - 1));
    if (this.#wantsToPlay) void this.#start();
    else if (this.#state.phase === 'ended') this.#tell({ phase: 'paused' });
  }

  /** Sets the volume of a stem, from 0 to 1, at once. */
  setGain(stem: number, gain: number): void {
    this.#gains.set(stem, gain);
    const { engine, output } = this.#playback ?? {};
    if (output !== undefined) engine?.gain(stem)?.setTargetAtTime(gain, output.context.currentTime, VOLUME_S);
  }

  close(): void {
    this.#isClosed = true;
    this.#wantsToPlay = false;
    this.#stopLooking();
    this.#halt();
    this.#free();
  }

  #free(): void {
    this.#playback?.engine.close();
    this.#playback?.output.close();
  }

  /** Stops playback, and cancels what is scheduled. */
  #halt(): void {
    this.#starts++;
    this.#positionMs = this.positionMs;
    this.#fromS = undefined;
    this.#playback?.engine.stop(this.#playback.output.context.currentTime);
  }

  /** Starts at the current position once every stem has its first piece. */
  async #start(): Promise<void> {
    if (this.#playback === undefined || this.#fromS !== undefined) return;
    const { engine, output } = this.#playback;
    const start = ++this.#starts;
    const isOver = (): boolean => start !== this.#starts || this.#isClosed;
    this.#tell({ phase: 'waiting' });
    const isAllowed = await output.resume();
    if (isOver()) return;
    if (!isAllowed) {
      this.#refuse();
      return;
    }
    try {
      await engine.load(this.#positionMs / 1000);
    } catch (error) {
      if (!isOver()) this.#fail(error);
      return;
    }
    if (isOver()) return;
    this.#fromS = output.context.currentTime + LEAD_S;
    engine.start(this.#fromS, this.#positionMs / 1000);
    this.#tell({ phase: 'playing' });
  }

  /** Schedules what comes next, and stops at the end of the song or when media is missing. */
  #look(): void {
    if (this.#playback === undefined) return;
    const { engine, output, sources } = this.#playback;
    // The browser may allow sound later: after a press elsewhere on the page, after a phone call, on a busy machine.
    if (this.#state.phase === 'refused' && output.isRunning) this.play();
    if (this.#fromS === undefined) return;
    if (!output.isRunning) {
      this.#halt();
      this.#refuse();
      return;
    }
    engine.fill();
    const dryFromS = engine.dryFromAt(output.context.currentTime);
    const problem = sources.find((source) => source.problem !== undefined)?.problem;
    if (problem !== undefined) this.#fail(problem);
    else if (this.positionMs >= this.#state.durationMs) this.#end();
    else if (dryFromS !== undefined) {
      this.#halt();
      this.#positionMs = dryFromS * 1000;
      void this.#start();
    }
  }

  /** Handles that the browser does not allow playback. */
  #refuse(): void {
    this.#wantsToPlay = false;
    this.#tell({ phase: 'refused' });
  }

  #end(): void {
    this.#halt();
    this.#wantsToPlay = false;
    this.#tell({ phase: 'ended' });
  }

  #fail(error: unknown): void {
    this.#wantsToPlay = false;
    this.#halt();
    this.#tell({ phase: 'failed', error: asCallError(error) });
  }

  #tellDelay(error: CallError): void {
    if (this.#state.phase === 'waiting') this.#tell({ phase: 'waiting', error });
  }

  #tell(change: Partial<StemState>): void {
    if (this.#isClosed) return;
    const next: StemState = { ...this.#state, ...change };
    if (change.error === undefined) delete next.error;
    this.#state = next;
    this.#setup.changed(next);
  }
}

function repeat(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms);
  return () => clearInterval(timer);
}
