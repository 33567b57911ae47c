// The page to go live from: choose a source, go live, see how it does, end it. It holds the capture, the broadcast and
// the timers; what they look like is in live/.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { MainServer } from '../api/client';
import { serverTime } from '../api/server-time';
import { siteMemory, tabMemory } from '../browser/storage';
import '../ui/live/offer';
import '../ui/live/on-air';
import type { ChooseEvent, Preview } from '../ui/live/preview';
import '../ui/live/preview';
import type { GoLiveEvent, SettingsEvent } from '../ui/live/setup';
import '../ui/live/setup';
import { Broadcast, type BroadcastState } from '../publish/broadcast';
import { Capture, abilities, type CaptureEvent } from '../publish/capture';
import { keepRemembered, remember, type OwnStream } from '../publish/own-stream';
import { patiently } from '../publish/patience';
import {
  MICROPHONE_GONE,
  MICROPHONE_MUTED,
  NO_MICROPHONE,
  PICTURE_STANDS,
  SOUND_GONE,
  SOURCE_ENDED,
  callProblem,
  captureProblem,
  obstacle,
  waitingProblem,
  type Problem,
  type SourceKind,
} from '../publish/problems';
import { DEFAULT_TITLE, loadSettings, lowerQuality, quality, saveSettings, type Settings } from '../publish/settings';
import { startRecording } from '../publish/recording-encoder';
import { Thumbnails } from '../publish/thumbnails';
import { snapshots } from '../ui/live/snapshot';
import { UnfinishedStream, isGone, type Offer } from '../publish/unfinished';
import type { CallError } from '../protocol/error';
import { GRACE_MS, type StreamInfo } from '../protocol/stream';
import { cleanTitle } from '../protocol/title';
import { localNowMs } from '../transport/clock';
import { connect } from '../transport/socketio';
import { badges, stateBadge } from '../ui/badges';
import { runningTime } from '../ui/format';
import { ghostPicture } from '../ui/shell';
import { base, buttons } from '../ui/styles';
import { canPlayType } from '../watch/playback/mse/media-source';

/** How often the main server is asked for the viewers on all nodes. */
const LOOK_MS = 5_000;

const NOTHING_SHARED = 'Nothing was shared for half a minute, so it ended by itself.';

@customElement('ud-live-page')
export class LivePage extends LitElement {
  @state() private settings: Settings = loadSettings(siteMemory);
  @state() private phase: 'setup' | 'starting' | 'on_air' | 'over' = 'setup';
  @state() private capture: Capture | undefined;
  /** What the capture lost meanwhile. */
  @state() private lost: 'microphone' | 'sound' | undefined;
  @state() private choosing = false;
  @state() private problem: Problem | undefined;
  /** Why going live is taking longer; it is tried again by itself. */
  @state() private waitsFor: Problem | undefined;
  @state() private broadcastState: BroadcastState | undefined;
  /** A stream of this tab that can be continued. */
  @state() private unfinished: Offer | undefined;
  @state() private viewersEverywhere = 0;
  @state() private startedAtMs: number | undefined;
  @state() private nowMs = serverTime.nowMs();
  @state() private ending = false;
  /** Whether the stream is over because nothing was shared. */
  @state() private nothingShared = false;
  /** Since when nothing is shared, on our clock. */
  @state() private pausedAtMs: number | undefined;
  @query('ud-preview') declare private preview: Preview;

  readonly #server = new MainServer();
  readonly #abilities = abilities();
  readonly #unfinished = new UnfinishedStream(this.#server, tabMemory, (offer) => (this.unfinished = offer));
  #own: OwnStream | undefined;
  #goingLive = false;
  /** Stops trying to go live. */
  #trying: AbortController | undefined;
  /** The choice of a source that is under way. */
  #choice: Promise<boolean> | undefined;
  #broadcast: Broadcast | undefined;
  #thumbnails: Thumbnails | undefined;
  #timers: ReturnType<typeof setInterval>[] = [];

  static override styles = [
    base,
    buttons,
    badges,
    css`
      .columns {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 360px;
        align-items: start;
        gap: 24px 28px;
        padding-top: clamp(4px, 2vw, 20px);
      }
      .panel {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 18px;
        padding: 22px;
        border: 1px solid var(--ud-line);
        border-radius: calc(var(--ud-radius) + 2px);
        background: var(--ud-surface);
        box-shadow: var(--ud-shadow);
      }
      .panel h1 {
        font-size: 1.5rem;
      }
      .stage {
        display: grid;
        gap: 14px;
      }
      .under {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .over {
        display: grid;
        justify-items: center;
        gap: 12px;
        max-width: 34rem;
        margin: clamp(24px, 8vw, 96px) auto;
        text-align: center;
      }
      .over svg {
        width: 72px;
        color: var(--ud-accent);
      }
      .over .button svg {
        width: 20px;
        color: inherit;
      }
      .over p {
        color: var(--ud-muted);
      }
      @media (max-width: 900px) {
        .columns {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('beforeunload', this.#warn);
    // What no source can help is said before anybody tries.
    if (obstacle('camera', this.#abilities)) this.problem = obstacle('screen', this.#abilities);
    void this.#unfinished.offer();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('beforeunload', this.#warn);
    this.#trying?.abort();
    this.#unfinished.withdraw();
    this.#broadcast?.close();
    this.capture?.close();
    this.#stopWatchingOver();
  }

  override render(): TemplateResult {
    return html`<ud-shell current="live">${this.phase === 'over' ? this.#over() : this.#studio()}</ud-shell>`;
  }

  #studio(): TemplateResult {
    const onAir = this.phase === 'on_air' && this.broadcastState;
    return html`<div class="columns" @choose=${this.#choose}>
      <div class="stage">
        <ud-preview
          .source=${this.capture?.stream}
          ?choosing=${this.choosing}
          ?onAir=${this.phase === 'on_air'}
          .screens=${this.#abilities.screen || !this.#abilities.secureContext}
        >
          ${onAir ? this.#badge(onAir) : nothing}
        </ud-preview>
        ${
          this.problem
            ? html`<ud-notice kind="error" heading=${this.problem.title} advice=${this.problem.advice}></ud-notice>`
            : nothing
        }
        ${this.#captureNotices()} ${this.waitsFor ? this.#waitingNotice(this.waitsFor) : nothing}
        ${this.capture && this.phase === 'setup' ? this.#otherSources() : nothing}
      </div>
      <div class="panel">${onAir ? this.#onAir(onAir) : this.#setup()}</div>
    </div>`;
  }

  #setup(): TemplateResult {
    return html`<h1>Go live</h1>
      ${this.unfinished ? this.#continueOffer(this.unfinished) : nothing}
      <ud-live-setup
        .settings=${this.settings}
        ?ready=${this.capture !== undefined}
        ?busy=${this.phase === 'starting'}
        @settings=${(event: SettingsEvent) => this.#remember(event.settings)}
        @go-live=${(event: GoLiveEvent) => void this.#once(() => this.#goLive(event.passphrase))}
      ></ud-live-setup>`;
  }

  #continueOffer({ own, info }: Offer): TemplateResult {
    return html`<ud-continue-offer
      .heading=${own.title}
      .info=${info}
      ?busy=${this.ending}
      @continue=${() => void this.#once(() => this.#continue(own, info))}
      @end=${() => void this.#endUnfinished()}
    ></ud-continue-offer>`;
  }

  /** What is wrong with what is shared, while it is shared. */
  #captureNotices(): TemplateResult | typeof nothing {
    const { capture, lost } = this;
    if (!capture) return nothing;
    const notice = ({ title, advice }: Problem, action: TemplateResult | typeof nothing = nothing): TemplateResult =>
      html`<ud-notice kind="warn" heading=${title} advice=${advice}>${action}</ud-notice>`;
    return html`${lost === 'microphone' ? notice(MICROPHONE_GONE, this.#microphoneButton()) : nothing}
    ${lost === 'sound' ? notice(SOUND_GONE) : nothing} ${capture.voice === 'muted' ? notice(MICROPHONE_MUTED) : nothing}
    ${capture.stands ? notice(PICTURE_STANDS) : nothing}`;
  }

  #microphoneButton(): TemplateResult {
    const switchOn = (): void => this.#remember({ ...this.settings, microphone: true });
    return html`<button class="button" type="button" @click=${switchOn}>Switch it on</button>`;
  }

  #waitingNotice({ title, advice }: Problem): TemplateResult {
    return html`<ud-notice kind="warn" heading=${title} advice=${advice}>
      <button class="button" type="button" @click=${() => this.#trying?.abort()}>Stop trying</button>
    </ud-notice>`;
  }

  #otherSources(): TemplateResult {
    return html`<div class="under">
      <button class="button" type="button" @click=${() => void this.#captureFrom(this.capture?.kind ?? 'screen')}>
        Choose something else
      </button>
      <button class="button quiet" type="button" @click=${() => this.#setCapture(undefined)}>Stop sharing</button>
    </div>`;
  }

  #badge({ phase, recording }: BroadcastState): TemplateResult {
    if (phase === 'connecting') return stateBadge('created');
    return stateBadge(phase === 'live' && recording ? 'live' : 'interrupted');
  }

  #onAir(state: BroadcastState): TemplateResult {
    return html`<ud-on-air
      .state=${state}
      .heading=${this.#own?.title ?? ''}
      .link=${new URL(this.#own?.watch_url ?? '', location.href).href}
      .viewers=${Math.max(state.viewers, this.viewersEverywhere)}
      .runningMs=${this.startedAtMs === undefined ? undefined : this.nowMs - this.startedAtMs}
      .graceLeftMs=${this.#graceLeftMs}
      .screens=${this.#abilities.screen}
      .canLower=${this.#broadcast !== undefined && lowerQuality(this.#broadcast.quality) !== undefined}
      .voice=${this.capture?.voice ?? 'off'}
      .ending=${this.ending}
      @microphone=${() => this.#remember({ ...this.settings, microphone: !this.settings.microphone })}
      @end=${() => void this.#end()}
      @lower-quality=${() => this.#lowerQuality()}
      @shrink=${() => this.#broadcast?.shrink()}
      .quality=${this.#broadcast?.quality.name ?? ''}
    ></ud-on-air>`;
  }

  /** As of the last second. */
  get #graceLeftMs(): number | undefined {
    return this.pausedAtMs === undefined ? undefined : Math.max(0, this.pausedAtMs + GRACE_MS - localNowMs());
  }

  #over(): TemplateResult {
    const problem = this.broadcastState?.problem && callProblem(this.broadcastState.problem);
    const lasted =
      this.startedAtMs === undefined ? '' : `You were on air for ${runningTime(this.nowMs - this.startedAtMs)}.`;
    return html`<section class="over" role="status">
      ${ghostPicture}
      <h1>${problem?.title ?? 'Your stream has ended'}</h1>
      <p>${lasted} ${problem?.advice ?? (this.nothingShared ? NOTHING_SHARED : 'Thank you for sharing.')}</p>
      <div class="under">
        <button class="button primary" type="button" @click=${() => this.#again()}>Start another</button>
        <a class="button" href="/view">See what is live</a>
      </div>
    </section>`;
  }

  #choose(event: ChooseEvent): void {
    void this.#captureFrom(event.kind);
  }

  /** Asks for a source; gives it to the broadcast if there is one. True if there is one now. Only one is asked for at a time. */
  async #captureFrom(kind: SourceKind): Promise<boolean> {
    this.#choice ??= this.#ask(kind);
    try {
      return await this.#choice;
    } finally {
      this.#choice = undefined;
    }
  }

  async #ask(kind: SourceKind): Promise<boolean> {
    this.problem = obstacle(kind, this.#abilities);
    if (this.problem) return false;
    this.choosing = true;
    const { phase } = this;
    try {
      const capture = await Capture.start(kind, quality(this.settings.quality).size);
      await this.#setMicrophone(capture, this.settings.microphone);
      if (!this.isConnected || (this.phase === 'over' && phase !== 'over')) {
        // The stream ended meanwhile: there is nobody left to share it with.
        capture.close();
        return false;
      }
      // Switched off while it was asked for: nothing knew of the capture then.
      if (!this.settings.microphone) await capture.setMicrophone(false);
      if (!capture.live) {
        capture.close();
        this.problem = SOURCE_ENDED;
        return false;
      }
      this.#setCapture(capture);
      return true;
    } catch (error) {
      const stillShares = error instanceof DOMException && error.name === 'NotAllowedError' && this.capture?.live;
      if (!stillShares) this.problem = captureProblem(kind, error);
      return false;
    } finally {
      this.choosing = false;
    }
  }

  /** Switches the microphone of `capture`. True if what records has to begin anew. */
  async #setMicrophone(capture: Capture, on: boolean): Promise<boolean> {
    try {
      return await capture.setMicrophone(on);
    } catch {
      this.#remember({ ...this.settings, microphone: false });
      this.problem = NO_MICROPHONE;
      return false;
    }
  }

  async #microphoneChanged(): Promise<void> {
    const { capture } = this;
    if (this.settings.microphone && this.lost === 'microphone') this.lost = undefined;
    if (this.problem === NO_MICROPHONE) this.problem = undefined;
    if (!capture || !(await this.#setMicrophone(capture, this.settings.microphone))) return;
    if (this.capture === capture) this.#captureChanged(capture, 'tracks');
  }

  #captureChanged(capture: Capture, event: CaptureEvent): void {
    // The preview and the buttons show what the capture says.
    this.requestUpdate();
    switch (event) {
      case 'ended':
        this.#setCapture(undefined);
        break;
      case 'tracks':
        this.#broadcast?.setSource(capture);
        break;
      case 'voice_ended':
        this.#remember({ ...this.settings, microphone: false });
        this.lost = 'microphone';
        break;
      case 'sound_ended':
        this.lost = 'sound';
        break;
      case 'changed':
        break;
    }
  }

  #setCapture(capture: Capture | undefined): void {
    this.capture?.close();
    this.capture = capture;
    this.lost = undefined;
    // There would be nothing to see.
    if (capture === undefined) this.#trying?.abort();
    capture?.onEvent((event) => {
      if (this.capture === capture) this.#captureChanged(capture, event);
    });
    this.#broadcast?.setSource(capture);
  }

  /** One way on the air at a time: a second click while the first one still asks is none. */
  async #once(go: () => Promise<void>): Promise<void> {
    if (this.#goingLive || this.phase !== 'setup') return;
    this.#goingLive = true;
    try {
      await go();
    } finally {
      this.#goingLive = false;
    }
  }

  async #goLive(passphrase: string): Promise<void> {
    const first: SourceKind = this.#abilities.screen || !this.#abilities.camera ? 'screen' : 'camera';
    if (!this.capture?.live && !(await this.#captureFrom(first))) return;
    this.phase = 'starting';
    this.problem = undefined;
    this.startedAtMs = undefined;
    const { title, listed } = this.settings;
    try {
      const created = await this.#patiently((signal) => {
        const body = {
          title: cleanTitle(title) ?? DEFAULT_TITLE,
          visibility: listed ? 'public' : 'private',
          ...(passphrase === '' ? {} : { passphrase }),
        } as const;
        return this.#server.createStream(body, signal);
      });
      if (created) this.#putOnAir({ ...created, next_take: 0 });
    } catch (error) {
      this.problem = callProblem(error);
    } finally {
      this.#backToSetup();
    }
  }

  #backToSetup(): void {
    if (this.phase === 'starting') this.phase = 'setup';
  }

  /** What `call` brings, once there is room; none when the person does not want to wait for it. */
  async #patiently<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { signal } = (this.#trying = new AbortController());
    const wait = (problem: CallError): void => {
      this.waitsFor = waitingProblem(problem);
    };
    try {
      return await patiently(() => call(signal), wait, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      this.#trying = undefined;
      this.waitsFor = undefined;
    }
  }

  #putOnAir(own: OwnStream): void {
    this.#own = own;
    this.#unfinished.withdraw();
    const keep = keepRemembered(tabMemory, own);
    const broadcast = new Broadcast({
      own,
      server: this.#server,
      connect,
      probe: {
        canRecord: (type) => MediaRecorder.isTypeSupported(type),
        canPlay: canPlayType,
      },
      encode: startRecording,
      quality: quality(this.settings.quality),
      onState: (state) => this.#onState(state),
      onTake: (take) => keep({ next_take: take + 1 }),
      onAssignment: (publish) => keep({ publish }),
    });
    this.#broadcast = broadcast;
    this.broadcastState = broadcast.state;
    this.phase = 'on_air';
    broadcast.setSource(this.capture);
    this.#watchOver(broadcast, own);
  }

  /** Starts the clock, the preview pictures and the looks at the main server. */
  #watchOver(broadcast: Broadcast, own: OwnStream): void {
    this.#thumbnails = new Thumbnails(snapshots(this.preview.video), async (picture) => {
      if (broadcast.state.phase !== 'live') return false;
      await this.#server.putThumbnail(own.stream_id, broadcast.grant, picture);
      return true;
    });
    this.#timers = [setInterval(() => this.#second(own), 1_000), setInterval(() => void this.#look(own), LOOK_MS)];
  }

  #stopWatchingOver(): void {
    this.#thumbnails?.close();
    this.#thumbnails = undefined;
    this.#timers.forEach(clearInterval);
    this.#timers = [];
  }

  #second(own: OwnStream): void {
    this.nowMs = serverTime.nowMs();
    // The node ends the stream now: who looks at the countdown should not wait for the next look.
    if (this.#graceLeftMs === 0) void this.#look(own);
  }

  async #look(own: OwnStream): Promise<void> {
    try {
      const { viewers, state } = await this.#server.stream(own.stream_id, own.publish.grant);
      this.viewersEverywhere = viewers;
      if (state === 'ended') this.#finish();
    } catch {
      // The node is the one that counts; the next look is in a few seconds.
    }
  }

  #onState(state: BroadcastState): void {
    this.broadcastState = state;
    if (state.phase === 'live') this.startedAtMs ??= serverTime.nowMs();
    this.pausedAtMs = state.phase === 'paused' ? (this.pausedAtMs ?? localNowMs()) : undefined;
    document.title = state.phase === 'live' ? `● Live: ${this.#own?.title ?? ''}` : 'Go live · Undead';
    if (state.phase === 'failed' && mayGoOn(state.problem)) this.#offerAfterFailure(state.problem);
    else if (state.phase === 'ended' || state.phase === 'failed') this.#finish();
  }

  /** Back to the choices, with what is shared and the offer to go on with the stream. */
  #offerAfterFailure(problem: CallError | undefined): void {
    if (this.phase !== 'on_air') return;
    this.#leaveAir();
    this.phase = 'setup';
    this.problem = callProblem(problem);
    void this.#unfinished.offer();
  }

  #leaveAir(): void {
    this.nowMs = serverTime.nowMs();
    this.#stopWatchingOver();
    this.#broadcast?.close();
    this.#broadcast = undefined;
    this.pausedAtMs = undefined;
  }

  async #end(): Promise<void> {
    this.ending = true;
    try {
      await this.#broadcast?.end();
      this.#finish();
    } catch (error) {
      this.problem = callProblem(error);
    } finally {
      this.ending = false;
    }
  }

  #finish(): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.nothingShared = this.pausedAtMs !== undefined && !this.ending;
    this.#leaveAir();
    this.#setCapture(undefined);
    this.problem = undefined;
    remember(tabMemory, undefined);
  }

  #again(): void {
    this.phase = 'setup';
    this.startedAtMs = undefined;
    this.broadcastState = undefined;
    this.viewersEverywhere = 0;
  }

  #lowerQuality(): void {
    const lower = this.#broadcast && lowerQuality(this.#broadcast.quality);
    if (lower) this.#broadcast?.setQuality(lower);
  }

  async #continue(own: OwnStream, info: StreamInfo | undefined): Promise<void> {
    if (!this.capture?.live && !(await this.#captureFrom(this.#abilities.screen ? 'screen' : 'camera'))) return;
    this.phase = 'starting';
    this.problem = undefined;
    try {
      const publish = await this.#patiently((signal) =>
        this.#server.publish(own.stream_id, own.publish.grant, {}, signal),
      );
      if (!publish) return;
      this.startedAtMs = info?.started_at_ms;
      this.#putOnAir({ ...own, publish });
    } catch (error) {
      this.problem = callProblem(error);
      if (isGone(error)) this.#unfinished.forget();
    } finally {
      this.#backToSetup();
    }
  }

  async #endUnfinished(): Promise<void> {
    this.ending = true;
    this.problem = undefined;
    try {
      await this.#unfinished.end();
    } catch (error) {
      this.problem = callProblem(error);
    } finally {
      this.ending = false;
    }
  }

  #remember(settings: Settings): void {
    const microphoneChanged = settings.microphone !== this.settings.microphone;
    this.settings = settings;
    saveSettings(siteMemory, settings);
    if (microphoneChanged) void this.#microphoneChanged();
  }

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.phase === 'on_air') event.preventDefault();
  };
}

/** Whether a stream that failed in this page may go on, from here: it is not over, and not live elsewhere. */
function mayGoOn(problem: CallError | undefined): boolean {
  return !isGone(problem) && problem?.code !== 'already_publishing';
}
