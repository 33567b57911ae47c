// Plays stems of one song together, in step to the sample: all are scheduled on one clock, piece by piece, a bounded stretch ahead. A stem
// whose next piece is late halts them all. What changes while they play is the volume of each. No DOM; the output has the clock.

import { backOffMs } from '../api/back-off';
import { asCallError, type CallError } from '../protocol/error';
import type { Decode, Sound, StemSource } from './stem-source';

/** How far ahead of what is heard sound is scheduled. */
const AHEAD_S = 15;
/** How long after it is asked for sound begins: what is scheduled must not lie in the past. */
const LEAD_S = 0.08;
/** How often it is looked at what to schedule next. */
const LOOK_MS = 250;
const RETRY = { firstMs: 500, longestMs: 8_000 };

/** Sound that was scheduled together and can be taken back together. */
export interface Bus {
  /** Plays samples `from` to `to` of `sound` from the output's sample `at` on, as stem `stem`. */
  schedule(stem: number, sound: Sound, at: number, from: number, to: number): void;
  /** Ends what plays and what is scheduled, without a click. */
  close(): void;
}

/** What is played through. */
export interface StemOutput {
  /** Samples a second of its clock. */
  readonly rate: number;
  /** Its clock, in samples. It stands while the browser does not let it run. */
  readonly now: number;
  /** How long after its time sound is heard, in seconds. */
  readonly latencyS: number;
  decode: Decode;
  open(): Bus;
  /** Lets the clock run; whether the browser allows it, which may want a press. */
  resume(): Promise<boolean>;
  setGain(stem: number, gain: number): void;
  close(): void;
}

/** What a player tells. `waiting`: media is late, and the player keeps trying. `refused`: the browser wants a press first. */
export interface StemState {
  phase: 'opening' | 'paused' | 'playing' | 'waiting' | 'refused' | 'ended' | 'failed';
  durationMs: number;
  error?: CallError;
}

/** What a player works with. */
export interface StemPlayerSetup {
  sources: readonly StemSource[];
  output: (rate: number) => StemOutput;
  changed: (state: StemState) => void;
  /** Calls again and again until the returned function is called. */
  every?: (ms: number, call: () => void) => () => void;
  wait?: (ms: number) => Promise<void>;
}

/** One run without interruption: the media's sample `mediaSample` is played at the output's sample `outputSample`. */
interface Run {
  bus: Bus;
  mediaSample: number;
  outputSample: number;
  /** Of each stem, the next piece to schedule and the media's sample up to which it is scheduled. */
  stems: { next: number; until: number }[];
  /** The next pieces are on their way. */
  isFilling: boolean;
}

/** See the head of the file. */
export class StemPlayer {
  readonly #setup: StemPlayerSetup;
  #output: StemOutput | undefined;
  #state: StemState = { phase: 'opening', durationMs: 0 };
  #run: Run | undefined;
  /** Where it stands while nothing runs. */
  #positionMs = 0;
  #wantsToPlay = false;
  /** Grows with each start, so that one that was overtaken ends. */
  #starts = 0;
  #isClosed = false;
  readonly #gains: number[];
  readonly #stopLooking: () => void;

  constructor(setup: StemPlayerSetup) {
    this.#setup = setup;
    this.#gains = setup.sources.map(() => 1);
    const every = setup.every ?? repeat;
    this.#stopLooking = every(LOOK_MS, () => void this.#look());
  }

  get state(): StemState {
    return this.#state;
  }

  /** Whether it plays, or will as soon as it can. */
  get isWanted(): boolean {
    return this.#wantsToPlay;
  }

  /** The time of the song that is heard now. */
  get positionMs(): number {
    const { run, output } = { run: this.#run, output: this.#output };
    if (run === undefined || output === undefined) return this.#positionMs;
    const heard = output.now - output.latencyS * output.rate;
    const sample = Math.max(run.mediaSample, run.mediaSample + heard - run.outputSample);
    return Math.min(this.#state.durationMs, (sample * 1000) / output.rate);
  }

  /** Reads what there is to play. Problems are told in the state. */
  async open(): Promise<void> {
    try {
      const rates = await Promise.all(this.#setup.sources.map((source) => source.open()));
      if (this.#isClosed) return;
      const output = this.#setup.output(rates[0] ?? 48_000);
      this.#output = output;
      this.#gains.forEach((gain, stem) => output.setGain(stem, gain));
      const durationMs = Math.min(...this.#setup.sources.map((source) => source.durationMs));
      this.#tell({ phase: 'paused', durationMs });
      if (this.#wantsToPlay) await this.#start();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Plays; from the beginning after the end. */
  play(): void {
    if (this.#state.phase === 'ended') this.#positionMs = 0;
    this.#wantsToPlay = true;
    void this.#start();
  }

  pause(): void {
    this.#wantsToPlay = false;
    this.#halt();
    if (this.#output !== undefined && this.#state.phase !== 'failed') this.#tell({ phase: 'paused' });
  }

  /** Goes to a time of the song. */
  seek(ms: number): void {
    this.#halt();
    this.#positionMs = Math.min(Math.max(0, ms), Math.max(0, this.#state.durationMs - 1));
    if (this.#wantsToPlay) void this.#start();
    else if (this.#state.phase === 'ended') this.#tell({ phase: 'paused' });
  }

  /** The volume of a stem, from 0 to 1, at once. */
  setGain(stem: number, gain: number): void {
    this.#gains[stem] = gain;
    this.#output?.setGain(stem, gain);
  }

  /** Frees what it holds. */
  close(): void {
    this.#isClosed = true;
    this.#wantsToPlay = false;
    this.#stopLooking();
    this.#halt();
    for (const source of this.#setup.sources) source.close();
    this.#output?.close();
  }

  /** Takes what is scheduled back. */
  #halt(): void {
    this.#starts++;
    this.#positionMs = this.positionMs;
    this.#run?.bus.close();
    this.#run = undefined;
  }

  /** Starts at the position, once every stem has its first piece. */
  async #start(): Promise<void> {
    const output = this.#output;
    if (output === undefined || this.#run !== undefined) return;
    const start = ++this.#starts;
    const isOver = (): boolean => start !== this.#starts || this.#isClosed;
    this.#tell({ phase: 'waiting' });
    if (!(await output.resume())) {
      if (isOver()) return;
      this.#wantsToPlay = false;
      this.#tell({ phase: 'refused' });
      return;
    }
    const { sources } = this.#setup;
    const places = sources.map((source) => source.placeAt(this.#positionMs));
    for (let failures = 1; !isOver(); failures++) {
      try {
        await Promise.all(sources.map((source, stem) => source.piece(places[stem] ?? 0, output.rate, this.#decode)));
        break;
      } catch (problem) {
        if (isOver()) return;
        const error = asCallError(problem);
        if (!error.mayPass) {
          this.#fail(error);
          return;
        }
        this.#tell({ phase: 'waiting', error });
        await (this.#setup.wait ?? pause)(backOffMs(RETRY, failures, error));
      }
    }
    if (isOver()) return;
    const mediaSample = Math.round((this.#positionMs * output.rate) / 1000);
    this.#run = {
      bus: output.open(),
      mediaSample,
      outputSample: Math.ceil(output.now + LEAD_S * output.rate),
      stems: places.map((next) => ({ next, until: mediaSample })),
      isFilling: false,
    };
    this.#tell({ phase: 'playing' });
    await this.#look();
  }

  /** Schedules what comes next. */
  async #look(): Promise<void> {
    const run = this.#run;
    if (run === undefined || this.#hasStopped(run) || run.isFilling) return;
    run.isFilling = true;
    try {
      await this.#fill(run);
    } catch (error) {
      // What is scheduled plays to its end; then it is tried again.
      if (this.#run === run && !asCallError(error).mayPass) this.#fail(error);
    } finally {
      run.isFilling = false;
    }
  }

  /** At the end of the song, or of what is scheduled. */
  #hasStopped(run: Run): boolean {
    const { output } = this;
    const sample = this.#played(run);
    const endSample = (this.#state.durationMs * output.rate) / 1000;
    const isDone = run.stems.every(({ next }, stem) => next >= (this.#setup.sources[stem]?.count ?? 0));
    const heard = sample - output.latencyS * output.rate;
    if (isDone && heard >= Math.min(endSample, ...run.stems.map(({ until }) => until))) {
      this.#halt();
      this.#wantsToPlay = false;
      this.#positionMs = this.#state.durationMs;
      this.#tell({ phase: 'ended' });
      return true;
    }
    const scheduled = Math.min(...run.stems.map(({ until }) => until));
    if (isDone || sample < scheduled || scheduled <= run.mediaSample) return false;
    this.#halt();
    this.#positionMs = (scheduled * 1000) / output.rate;
    void this.#start();
    return true;
  }

  /** All stems together: none is heard without the others. */
  async #fill(run: Run): Promise<void> {
    const { output } = this;
    for (;;) {
      const open = run.stems.flatMap((at, stem) => {
        const source = this.#setup.sources[stem];
        return source !== undefined && at.next < source.count ? [{ at, stem, source }] : [];
      });
      const horizon = this.#played(run) + AHEAD_S * output.rate;
      if (open.every(({ at }) => at.until > horizon)) return;
      const placed = await Promise.all(open.map(({ at, source }) => source.piece(at.next, output.rate, this.#decode)));
      if (this.#run !== run) return;
      // It came too late: what plays is halted at the end of what is scheduled.
      if (this.#played(run) >= Math.min(...run.stems.map(({ until }) => until))) return;
      open.forEach(({ at, stem }, i) => {
        const { firstSample, sound } = placed[i] ?? { firstSample: 0, sound: undefined };
        if (sound !== undefined) place(run, stem, firstSample, sound);
        at.next++;
      });
    }
  }

  /** The media's sample that is played now. */
  #played({ mediaSample, outputSample }: Run): number {
    return mediaSample + this.output.now - outputSample;
  }

  get output(): StemOutput {
    if (this.#output === undefined) throw new Error('not opened');
    return this.#output;
  }

  readonly #decode: Decode = (file) => this.output.decode(file);

  #fail(error: unknown): void {
    this.#wantsToPlay = false;
    this.#halt();
    this.#tell({ phase: 'failed', error: asCallError(error) });
  }

  #tell(change: Partial<StemState>): void {
    if (this.#isClosed) return;
    const next: StemState = { ...this.#state, ...change };
    if (change.error === undefined) delete next.error;
    this.#state = next;
    this.#setup.changed(next);
  }
}

/** Schedules what is new of a piece: pieces may overlap by what decoders add at their ends. */
function place(run: Run, stem: number, firstSample: number, sound: Sound): void {
  const at = run.stems[stem];
  if (at === undefined) return;
  const from = Math.max(0, at.until - firstSample);
  if (sound.length <= from) return;
  run.bus.schedule(stem, sound, run.outputSample + firstSample + from - run.mediaSample, from, sound.length);
  at.until = firstSample + sound.length;
}

function repeat(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms);
  return () => clearInterval(timer);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
