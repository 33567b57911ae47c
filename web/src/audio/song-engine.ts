// Plays decoded sound at exact moments of an audio context: one song, from one source or from several in step. Each start begins a run: from
// then on the song plays from a position at a rate, piece after piece without a gap. A later run takes over with a cross-fade, so that a
// change of the rate is not heard, and a jump hardly. The owner says when, and calls `fill` a few times a second, which schedules a bounded
// stretch ahead. The engine owns no clock. No DOM but the context it is given.

import type { PlacedSound, SoundSource } from './sound-source';

/** How far ahead of what plays sound is scheduled. */
const AHEAD_S = 15;
/** Shorter gaps between two pieces are rounding, as manifests count in milliseconds, and are closed. */
const JOINS_WITHIN_S = 0.005;
/** The next pieces are scheduled together for all sources that are less than this ahead of the last one. */
const TOGETHER_S = 1;
/** From one run to the next, and from silence into the middle of a song. */
const FADE_S = 0.01;
/** What could not be scheduled in time begins this long from now. */
const LATE_S = 0.01;

/** What is used of an audio context. */
export type EngineContext = Pick<AudioContext, 'createBufferSource' | 'createGain' | 'currentTime' | 'sampleRate'>;

/** How an engine plays. */
export interface EngineOptions {
  /** Whether a run that lacks sound stays silent until another start. Otherwise late pieces are joined in the middle. */
  haltsDry?: boolean;
}

/** How far a source is scheduled: its next piece, and the sample of the item up to which there is sound. */
interface Track {
  next: number;
  until: number;
}

interface Run {
  /** In the context's time. */
  readonly fromS: number;
  /** Another run takes over, or it is silent, from here on. */
  endS: number;
  readonly positionS: number;
  readonly rate: number;
  /** One for each source, into its gain; they fade. */
  readonly buses: readonly GainNode[];
  readonly tracks: readonly Track[];
  readonly playing: Set<AudioBufferSourceNode>;
  /** The piece that it begins with is scheduled. */
  hasBegun: boolean;
}

/** See the head of the file. */
export class SongEngine {
  readonly #context: EngineContext;
  readonly #output: AudioNode;
  readonly #haltsDry: boolean;
  readonly #sources: SoundSource[] = [];
  readonly #gains: GainNode[] = [];
  #runs: Run[] = [];
  /** Pieces that are awaited. */
  readonly #asked = new WeakSet<Promise<unknown>>();
  #isClosed = false;

  /** Plays `sources` into `output`. */
  constructor(context: EngineContext, sources: readonly SoundSource[], output: AudioNode, options: EngineOptions = {}) {
    this.#context = context;
    this.#output = output;
    this.#haltsDry = options.haltsDry ?? false;
    for (const source of sources) this.add(source);
  }

  /** Plays `source` as well, from the next start on. Gives its number. */
  add(source: SoundSource, volume = 1): number {
    const gain = this.#context.createGain();
    gain.gain.value = volume;
    gain.connect(this.#output);
    this.#gains.push(gain);
    return this.#sources.push(source) - 1;
  }

  /** The volume of a source. */
  gain(source: number): AudioParam | undefined {
    return this.#gains[source]?.gain;
  }

  /** Whether all sources have the sound at `positionS`; asks for it where not. */
  prepare(positionS: number): boolean {
    return this.#sources
      .map((source) => {
        const place = source.placeAt(positionS);
        if (place >= source.count || source.peek(place, true) !== undefined) return true;
        source.load(place, true).catch(() => undefined);
        return false;
      })
      .every((isReady) => isReady);
  }

  /**
   * Resolves when all sources have the sound at `positionS`.
   *
   * @throws CallError see {@link SoundSource.load}.
   */
  async load(positionS: number): Promise<void> {
    await Promise.all(
      this.#sources.map(async (source) => {
        const place = source.placeAt(positionS);
        if (place < source.count) await source.load(place, true);
      }),
    );
  }

  /** The song is at `positionS` when the context is at `atS`. What was to play then ends, or does not begin. */
  start(atS: number, positionS: number, rate = 1): void {
    const fromS = this.#toSample(atS);
    this.#end(fromS);
    const fades = positionS > FADE_S || this.#runs.some((run) => run.endS === fromS);
    this.#runs.push({
      fromS,
      endS: Infinity,
      positionS: this.#toSample(positionS),
      rate,
      buses: this.#gains.map((gain) => this.#bus(gain, fades ? fromS : undefined)),
      tracks: this.#sources.map((source) => ({
        next: source.placeAt(positionS),
        until: Math.round(positionS * this.#context.sampleRate),
      })),
      playing: new Set(),
      hasBegun: false,
    });
    this.fill();
  }

  /** Silence from `atS` on. */
  stop(atS: number): void {
    this.#end(this.#toSample(atS));
  }

  /** Where the song is when the context is at `atS`; undefined where nothing plays then. */
  positionAt(atS: number): number | undefined {
    const run = this.#runAt(atS);
    return run === undefined ? undefined : run.positionS + (atS - run.fromS) * run.rate;
  }

  /** Something plays at `atS`, or is to play, but its sound is not here. */
  isDryAt(atS: number): boolean {
    return this.dryFromAt(atS) !== undefined;
  }

  /** Where the song is dry at `atS`: the position up to which all sources have sound, s. Undefined where it is not. */
  dryFromAt(atS: number): number | undefined {
    const run = this.#runAt(atS);
    return run !== undefined && this.#isDry(run, atS) ? this.#untilOf(run) / this.#context.sampleRate : undefined;
  }

  /** Schedules what comes next, as far as it is decoded, and asks for what is not. */
  fill(): void {
    if (this.#isClosed) return;
    const { currentTime } = this.#context;
    this.#runs = this.#runs.filter((run) => {
      const isOver = run.endS + FADE_S < currentTime - 1;
      if (isOver) for (const bus of run.buses) bus.disconnect();
      return !isOver;
    });
    for (const run of this.#runs) if (run.endS > currentTime) this.#fillRun(run);
  }

  close(): void {
    this.#isClosed = true;
    for (const run of this.#runs) this.#cancel(run);
    this.#runs = [];
    for (const source of this.#sources) source.close();
    for (const gain of this.#gains) gain.disconnect();
  }

  /** The sample of the item up to which all sources that have more to come are scheduled; infinite where all have come to their end. */
  #untilOf(run: Run): number {
    return Math.min(...this.#openTracks(run).map(({ track }) => track.until));
  }

  #isDry(run: Run, atS: number): boolean {
    return atS >= run.fromS && this.#timeOf(run, this.#untilOf(run)) <= atS;
  }

  #toSample(s: number): number {
    const { sampleRate } = this.#context;
    return Math.round(s * sampleRate) / sampleRate;
  }

  #runAt(atS: number): Run | undefined {
    return this.#runs.find(({ fromS, endS }) => fromS <= atS && atS < endS);
  }

  /** Into `output`; it fades in from `fadesS` on. */
  #bus(output: GainNode, fadesS: number | undefined): GainNode {
    const bus = this.#context.createGain();
    bus.connect(output);
    if (fadesS !== undefined) {
      bus.gain.setValueAtTime(0, fadesS);
      bus.gain.linearRampToValueAtTime(1, fadesS + FADE_S);
    }
    return bus;
  }

  /** No run plays, or begins, from `atS` on. */
  #end(atS: number): void {
    const begun = this.#runs.filter(({ fromS }) => fromS < atS);
    for (const run of this.#runs) if (!begun.includes(run)) this.#cancel(run);
    this.#runs = begun;
    for (const run of begun) {
      if (run.endS <= atS) continue;
      run.endS = atS;
      for (const { gain } of run.buses) {
        gain.setValueAtTime(1, atS);
        gain.linearRampToValueAtTime(0, atS + FADE_S);
      }
      for (const node of run.playing) node.stop(atS + FADE_S);
    }
  }

  #cancel(run: Run): void {
    for (const node of run.playing) {
      node.stop();
      node.disconnect();
    }
    for (const bus of run.buses) bus.disconnect();
  }

  /** Begins all sources together, so that none is heard without the others. */
  #fillRun(run: Run): void {
    const { currentTime } = this.#context;
    for (;;) {
      const until = this.#untilOf(run);
      const horizon = Math.min(Math.max(currentTime, run.fromS) + AHEAD_S, run.endS);
      if (this.#timeOf(run, until) >= horizon) return;
      const isFirst = !run.hasBegun;
      if (this.#haltsDry && !isFirst && this.#isDry(run, currentTime)) return;
      // Sources are cut at other moments: one that is ahead of another by a piece waits for it.
      const next = this.#openTracks(run)
        .filter(({ track }) => track.until < until + TOGETHER_S * this.#context.sampleRate)
        .map((open) => ({ ...open, piece: open.source.peek(open.track.next, isFirst) }));
      const missing = next.filter(({ piece }) => piece === undefined);
      for (const { track, source } of missing) this.#ask(source, track.next, isFirst);
      if (missing.length > 0) return;
      for (const { track, n, piece } of next) {
        if (piece !== undefined) this.#place(run, n, track, piece);
        track.next++;
      }
      run.hasBegun = true;
    }
  }

  /** Those with more to come. */
  #openTracks(run: Run): { track: Track; n: number; source: SoundSource }[] {
    return run.tracks.flatMap((track, n) => {
      const source = this.#sources[n];
      return source !== undefined && track.next < source.count ? [{ track, n, source }] : [];
    });
  }

  /** Goes on as soon as a piece is here; it waits for each piece once, however often it is asked for. */
  #ask(source: SoundSource, place: number, isFirst: boolean): void {
    const loading = source.load(place, isFirst);
    if (this.#asked.has(loading)) return;
    this.#asked.add(loading);
    loading.then(
      () => this.fill(),
      // The source tells its problem.
      () => undefined,
    );
  }

  /** Schedules what is new of a piece. */
  #place(run: Run, n: number, track: Track, piece: PlacedSound<AudioBuffer>): void {
    const apart = Math.abs(piece.firstSample - track.until);
    const joins = run.hasBegun && apart < JOINS_WITHIN_S * this.#context.sampleRate;
    const firstSample = joins ? track.until : piece.firstSample;
    const from = Math.max(0, track.until - firstSample);
    const { length, sound } = piece;
    if (from >= length) return;
    track.until = firstSample + length;
    if (sound === undefined) return;
    this.#schedule(run, n, sound, firstSample, from);
  }

  #schedule(run: Run, n: number, sound: AudioBuffer, firstSample: number, from: number): void {
    const { sampleRate, currentTime } = this.#context;
    const bus = run.buses[n];
    const atS = this.#timeOf(run, firstSample + from);
    if (bus === undefined || atS >= run.endS + FADE_S) return;
    // What should have begun already begins in its middle.
    const lateS = atS < currentTime ? currentTime + LATE_S - atS : 0;
    const offsetS = from / sampleRate + lateS * run.rate;
    if (offsetS * sampleRate >= sound.length) return;
    const node = this.#context.createBufferSource();
    node.buffer = sound;
    node.playbackRate.value = run.rate;
    node.connect(bus);
    node.onended = () => {
      run.playing.delete(node);
      node.disconnect();
    };
    node.start(atS + lateS, offsetS);
    if (run.endS < Infinity) node.stop(run.endS + FADE_S);
    run.playing.add(node);
  }

  /** When a sample of the item plays in this run, in the context's time. */
  #timeOf(run: Run, sample: number): number {
    return run.fromS + (sample / this.#context.sampleRate - run.positionS) / run.rate;
  }
}
