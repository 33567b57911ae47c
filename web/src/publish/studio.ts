// From choosing a source to the end of a stream: the logic of the broadcaster's page, without the page.

import type { Memory } from '../browser/storage';
import { CallError } from '../protocol/error';
import { cleanTitle } from '../protocol/title';
import type { BroadcastState } from './broadcast';
import { OnAir, type AirSetup } from './on-air';
import { remember, type OwnStream } from './own-stream';
import { patiently } from './patience';
import { callProblem, obstacle, waitingProblem, type Abilities, type Problem, type SourceKind } from './problems';
import { DEFAULT_TITLE, loadSettings, quality, saveSettings, type Settings } from './settings';
import { Sources, type StartCapture } from './sources';
import { UnfinishedStream, isGone, type Offer } from './unfinished';

/** Dependencies and callbacks of a studio. */
export interface StudioSetup extends AirSetup {
  abilities: Abilities;
  /** What the browser remembers of this site. */
  siteMemory: Memory;
  /** The stream key to create streams with, if one is needed and known. */
  streamKey: () => string | undefined;
  /** The server requires a stream key or a sign-in to create a stream. */
  accessRefused(): void;
  /** Asks for sources: the browser's dialog unless a test passes its own. */
  startCapture?: StartCapture;
  /** Displayed state changed. */
  changed(): void;
}

/** `starting`: creating a stream. `over`: the stream has ended, and another one can be started. */
export type StudioPhase = 'setup' | 'starting' | 'on_air' | 'over';

/** A stream to publish, and when it first went live if it is continued. */
interface Found {
  own: OwnStream;
  startedAtMs: number | undefined;
}

/** The state and controls of the broadcaster's page. */
export class Studio {
  readonly #setup: StudioSetup;
  readonly #unfinished: UnfinishedStream;
  readonly sources: Sources;
  #settings: Settings;
  #phase: StudioPhase = 'setup';
  #problem: Problem | undefined;
  #waitsFor: Problem | undefined;
  #offer: Offer | undefined;
  #air: OnAir | undefined;
  #goingLive = false;
  /** Aborts the attempt to go live. */
  #trying: AbortController | undefined;
  #ending = false;
  /** Aborts the attempt to end a stream. */
  readonly #closing = new AbortController();
  #nothingShared = false;
  #endedElsewhere = false;
  #closed = false;

  constructor(setup: StudioSetup) {
    this.#setup = setup;
    this.#settings = loadSettings(setup.siteMemory);
    this.#unfinished = new UnfinishedStream(setup.server, setup.tabMemory, (offer) => {
      this.#offer = offer;
      setup.changed();
    });
    this.sources = this.#createSources();
    // Report what no source can fix before anyone tries.
    if (obstacle('camera', setup.abilities)) this.#problem = obstacle('screen', setup.abilities);
    void this.#unfinished.offer();
  }

  get phase(): StudioPhase {
    return this.#phase;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** The current problem. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Why going live takes longer; it is retried automatically. */
  get waitsFor(): Problem | undefined {
    return this.#waitsFor;
  }

  /** A stream of this tab that can be continued. */
  get offer(): Offer | undefined {
    return this.#offer;
  }

  /** The current or last stream on the air. */
  get air(): OnAir | undefined {
    return this.#air;
  }

  /** Whether a stream is being ended. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Whether the stream ended because nothing was shared. */
  get nothingShared(): boolean {
    return this.#nothingShared;
  }

  /** Whether an operator ended the stream: this page was live and did not end it. */
  get endedElsewhere(): boolean {
    return this.#endedElsewhere;
  }

  /** Changes the settings, for this stream and later ones. */
  remember(settings: Settings): void {
    const microphoneChanged = settings.microphone !== this.#settings.microphone;
    this.#settings = settings;
    saveSettings(this.#setup.siteMemory, settings);
    if (microphoneChanged) void this.sources.microphoneChanged();
    this.#setup.changed();
  }

  /**
   * Goes live with a new stream, protected by the passphrase if it is not empty. Asks for a source if there is none.
   */
  async goLive(passphrase: string): Promise<void> {
    await this.#once(async (signal) => {
      const { title, visibility, record } = this.#settings;
      const secret = passphrase === '' ? {} : { passphrase };
      const access = visibility === 'private' ? { invitation_only: true } : {};
      const recorded = record ? { record } : {};
      const body = { title: cleanTitle(title) ?? DEFAULT_TITLE, visibility, ...secret, ...access, ...recorded };
      const created = await this.#setup.server.createStream(body, signal, this.#setup.streamKey());
      return { own: { ...created, next_take: 0, visibility, ...secret }, startedAtMs: undefined };
    });
  }

  /** Continues the offered stream. */
  async continue(): Promise<void> {
    const offer = this.#offer;
    if (offer === undefined) return;
    const { own, info } = offer;
    await this.#once(async (signal) => {
      const publish = await this.#setup.server.publish(own.stream_id, own.publish.grant, {}, signal);
      return { own: { ...own, publish }, startedAtMs: info?.started_at_ms };
    });
  }

  /** Ends the offered stream. */
  async endUnfinished(): Promise<void> {
    await this.#end(() => this.#unfinished.end());
  }

  /** Stops waiting for capacity. */
  stopTrying(): void {
    this.#trying?.abort();
  }

  /** Ends the stream for everyone. */
  async end(): Promise<void> {
    await this.#end(async () => {
      await this.#air?.end();
      this.#finish();
    });
  }

  /** Returns to the choices after a stream. */
  again(): void {
    this.#phase = 'setup';
    this.#air = undefined;
    this.#setup.changed();
  }

  /** Stops everything locally. The stream does not end and can be continued. */
  close(): void {
    this.#closed = true;
    this.#closing.abort();
    this.#trying?.abort();
    this.#unfinished.withdraw();
    this.#air?.close();
    this.sources.capture?.close();
  }

  #createSources(): Sources {
    const owner = {
      settings: () => this.#settings,
      withoutMicrophone: () => this.remember({ ...this.#settings, microphone: false }),
      wanted: () => !this.#closed && this.#phase !== 'over',
      problem: () => this.#problem,
      tell: (problem: Problem | undefined) => (this.#problem = problem),
      replaced: (capture: Sources['capture']) => {
        // Without a capture there is nothing to publish.
        if (capture === undefined) this.#trying?.abort();
        if (this.#phase === 'on_air') this.#air?.setSource(capture);
      },
      changed: () => this.#setup.changed(),
    };
    return new Sources(owner, this.#setup.abilities, this.#setup.startCapture);
  }

  /** Ignores further clicks while one attempt to go live is running. */
  async #once(find: (signal: AbortSignal) => Promise<Found>): Promise<void> {
    if (this.#goingLive || this.#phase !== 'setup') return;
    this.#goingLive = true;
    try {
      if (this.sources.capture?.live || (await this.sources.choose(this.#firstKind))) await this.#start(find);
    } finally {
      this.#goingLive = false;
    }
  }

  get #firstKind(): SourceKind {
    const { screen, camera } = this.#setup.abilities;
    return screen || !camera ? 'screen' : 'camera';
  }

  async #start(find: (signal: AbortSignal) => Promise<Found>): Promise<void> {
    this.#phase = 'starting';
    this.#problem = undefined;
    this.#setup.changed();
    try {
      const found = await this.#patiently(find);
      if (found) this.#putOnAir(found);
    } catch (error) {
      this.#problem = callProblem(error);
      if (isGone(error)) this.#unfinished.forget();
      if (isRefused(error)) this.#setup.accessRefused();
    } finally {
      this.#backToSetup();
    }
  }

  #backToSetup(): void {
    if (this.#phase === 'starting') this.#phase = 'setup';
    this.#setup.changed();
  }

  /** The result of `call` once there is capacity; undefined when the person stops waiting. */
  async #patiently<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { signal } = (this.#trying = new AbortController());
    const wait = (problem: CallError): void => {
      this.#waitsFor = waitingProblem(problem);
      this.#setup.changed();
    };
    try {
      return await patiently(() => call(signal), wait, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      this.#trying = undefined;
      this.#waitsFor = undefined;
    }
  }

  #putOnAir({ own, startedAtMs }: Found): void {
    this.#unfinished.withdraw();
    const how = { startedAtMs, quality: quality(this.#settings.quality) };
    const air = new OnAir(this.#setup, own, how, {
      changed: () => this.#setup.changed(),
      stateChanged: (state) => this.#stateChanged(state),
      over: () => this.#finish(),
    });
    this.#air = air;
    this.#phase = 'on_air';
    air.setSource(this.sources.capture);
  }

  #stateChanged({ phase, problem }: BroadcastState): void {
    if (phase === 'failed' && mayGoOn(problem)) this.#offerAfterFailure(problem);
    else if (phase === 'ended' || phase === 'failed') this.#finish();
    this.#setup.changed();
  }

  /** Returns to the choices, keeps the capture, and offers to continue the stream. */
  #offerAfterFailure(problem: CallError | undefined): void {
    if (this.#phase !== 'on_air') return;
    this.#phase = 'setup';
    this.#air?.close();
    this.#problem = callProblem(problem);
    void this.#unfinished.offer();
  }

  async #end(end: () => Promise<void>): Promise<void> {
    this.#ending = true;
    this.#problem = undefined;
    this.#setup.changed();
    try {
      // While the main server cannot write, it answers how long to wait.
      await patiently(end, () => undefined, this.#closing.signal);
    } catch (error) {
      this.#problem = callProblem(error);
    } finally {
      this.#ending = false;
      this.#setup.changed();
    }
  }

  #finish(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#nothingShared = this.#air?.graceLeftMs !== undefined && !this.#ending;
    this.#endedElsewhere = this.#air?.wasLive === true && !this.#nothingShared && !this.#ending;
    this.#air?.close();
    this.sources.set(undefined);
    this.#problem = undefined;
    remember(this.#setup.tabMemory, undefined);
  }
}

/** Whether the server requires a stream key or a sign-in. */
function isRefused(error: unknown): boolean {
  return error instanceof CallError && ['broadcast_not_allowed', 'unauthorized'].includes(error.code);
}

/** Whether this page may continue a stream that failed: it has not ended and is not live elsewhere. */
function mayGoOn(problem: CallError | undefined): boolean {
  return !isGone(problem) && problem?.code !== 'already_publishing';
}
