// Plays decoded sound at exact times of an audio context: one song, from one source or from several in step. Each start
// begins a run: from then on the song plays from a position at a rate, piece after piece without a gap. A later run
// takes over with a cross-fade, so a change of the rate is inaudible and a jump almost so. The owner calls `fill` a few
// times a second, which schedules a bounded time ahead. The engine owns no clock. No DOM but the given context.

import type { PlacedSound, SoundSource } from './sound-source';

/** How far ahead an engine decodes by default. */
const AHEAD: Ahead = { startS: 15, laterS: 15 };
/**
 * Gaps shorter than this between two pieces are rounding errors of manifests, which count in milliseconds. They are
 * closed.
 */
const JOINS_WITHIN_S = 0.005;
/** The next pieces are scheduled together for all sources that are less than this ahead of the slowest one. */
const TOGETHER_S = 1;
/** Cross-fade between two runs, and fade-in from silence into the middle of a song. */
const FADE_S = 0.01;
/** Sound that missed its time begins this long from now. */
const LATE_S = 0.01;

/** The part of an audio context that the engine uses. */
export type EngineContext = Pick<AudioContext, 'createBufferSource' | 'createGain' | 'currentTime' | 'sampleRate'>;

/** How an engine plays. */
export interface EngineOptions {
  /**
   * Whether a run that lacks sound stays silent until the next start. Otherwise a late piece is joined in its middle.
   */
  haltsDry?: boolean;
  /** Engines that play the same song in sync need different values, or all of them fetch and decode at the same moments. */
  ahead?: Ahead;
}

/**
 * How far ahead of the playing position sound is decoded, at the start of a run and later. Decoded sound is scheduled as
 * far ahead as later.
 */
export interface Ahead {
  startS: number;
  laterS: number;
}

/** How far a source is scheduled: its next piece, and the sample of the item up to which it has sound. */
interface Track {
  next: number;
  until: number;
}

interface Run {
  /** Start of the run, in the context's time. */
  readonly fromS: number;
  /** From here on another run takes over, or there is silence. */
  endS: number;
  readonly positionS: number;
  readonly rate: number;
  /** One per source, connected to its gain; these fade. */
  readonly buses: readonly GainNode[];
  readonly tracks: readonly Track[];
  readonly playing: Set<AudioBufferSourceNode>;
  /** Whether the first piece of the run is scheduled. */
  hasBegun: boolean;
}

/** Schedules the sources of one song on an audio context. */
export class SongEngine {
  readonly #context: EngineContext;
  readonly #output: AudioNode;
  readonly #haltsDry: boolean;
  readonly #ahead: Ahead;
  readonly #sources: SoundSource[] = [];
  readonly #gains: GainNode[] = [];
  #runs: Run[] = [];
  /** Pieces that are being loaded. */
  readonly #asked = new WeakSet<Promise<unknown>>();
  #isClosed = false;

  /** Plays `sources` into `output`. */
  constructor(context: EngineContext, sources: readonly SoundSource[], output: AudioNode, options: EngineOptions = {}) {
    this.#context = context;
    this.#output = output;
    this.#haltsDry = options.haltsDry ?? false;
    this.#ahead = options.ahead ?? AHEAD;
    for (const source of sources) this.add(source);
  }

  /** Adds a source, from the next start on. Returns its number. */
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

  /** Fetches the sound at `positionS`, to be decoded later. */
  fetch(positionS: number): void {
    for (const source of this.#sources) source.fetch(source.placeAt(positionS));
  }

  /** Whether all sources have the sound at `positionS`; requests it from those that do not. */
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

  /**
   * Puts the song at `positionS` when the context is at `atS`. Whatever was scheduled for then ends, or does not begin.
   */
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

  /** Silences everything from `atS` on. */
  stop(atS: number): void {
    this.#end(this.#toSample(atS));
  }

  /** The position of the song when the context is at `atS`; undefined if nothing plays then. */
  positionAt(atS: number): number | undefined {
    const run = this.#runAt(atS);
    return run === undefined ? undefined : run.positionS + (atS - run.fromS) * run.rate;
  }

  /** Whether something is to play at `atS` but its sound is missing. */
  isDryAt(atS: number): boolean {
    return this.dryFromAt(atS) !== undefined;
  }

  /** If the song is dry at `atS`, the position up to which all sources have sound, s; otherwise undefined. */
  dryFromAt(atS: number): number | undefined {
    const run = this.#runAt(atS);
    return run !== undefined && this.#isDry(run, atS) ? this.#untilOf(run) / this.#context.sampleRate : undefined;
  }

  /** Schedules what comes next, as far as it is decoded, and requests the rest. */
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

  /** The sample of the item up to which every unfinished source is scheduled; infinite if all sources have ended. */
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

  /** Creates a bus into `output`, with a fade-in at `fadesS` if given. */
  #bus(output: GainNode, fadesS: number | undefined): GainNode {
    const bus = this.#context.createGain();
    bus.connect(output);
    if (fadesS !== undefined) {
      bus.gain.setValueAtTime(0, fadesS);
      bus.gain.linearRampToValueAtTime(1, fadesS + FADE_S);
    }
    return bus;
  }

  /** Ends every run from `atS` on. */
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
      const horizon = Math.min(Math.max(currentTime, run.fromS) + this.#ahead.laterS, run.endS);
      if (this.#timeOf(run, until) >= horizon) return;
      const isFirst = !run.hasBegun;
      if (this.#haltsDry && !isFirst && this.#isDry(run, currentTime)) return;
      // Sources have different piece boundaries: one that is ahead of another by a piece waits for it.
      const next = this.#openTracks(run)
        .filter(({ track }) => track.until < until + TOGETHER_S * this.#context.sampleRate)
        .map((open) => ({ ...open, piece: open.source.peek(open.track.next, isFirst) }));
      const missing = next.filter(({ piece }) => piece === undefined);
      if (missing.length > 0) {
        const isDue = isFirst || this.#timeOf(run, until) < this.#decodedUntil(run);
        if (isDue) for (const { track, source } of missing) this.#ask(source, track.next, isFirst);
        return;
      }
      for (const { track, n, piece } of next) {
        if (piece !== undefined) this.#place(run, n, track, piece);
        track.next++;
      }
      run.hasBegun = true;
    }
  }

  /** The context's time up to which sound is decoded: less at first, so that decoding does not disturb the song before. */
  #decodedUntil(run: Run): number {
    const playedS = Math.max(0, this.#context.currentTime - run.fromS);
    const { startS, laterS } = this.#ahead;
    return run.fromS + playedS + Math.min(laterS, startS + playedS);
  }

  /** The tracks with more to come. */
  #openTracks(run: Run): { track: Track; n: number; source: SoundSource }[] {
    return run.tracks.flatMap((track, n) => {
      const source = this.#sources[n];
      return source !== undefined && track.next < source.count ? [{ track, n, source }] : [];
    });
  }

  /** Calls `fill` as soon as a piece is loaded. Each piece is awaited once, however often it is requested. */
  #ask(source: SoundSource, place: number, isFirst: boolean): void {
    const loading = source.load(place, isFirst);
    if (this.#asked.has(loading)) return;
    this.#asked.add(loading);
    loading.then(
      () => this.fill(),
      // The source reports its own problem.
      () => undefined,
    );
  }

  /** Schedules the part of a piece that is not scheduled yet. */
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
    // A piece whose time has passed begins in its middle.
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
