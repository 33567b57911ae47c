// The page to go live from: the view of a studio (publish/studio.ts). Its parts are in ui/live/.

import { LitElement, html, nothing, type TemplateResult } from 'lit';
import { customElement, query } from 'lit/decorators.js';
import { MainServer } from '../api/client';
import { site } from '../browser/site';
import { People } from '../api/people';
import { siteMemory, tabMemory } from '../browser/storage';
import { Access } from '../people/access';
import type { BroadcastState } from '../publish/broadcast';
import { abilities, type Capture } from '../publish/capture';
import { Invitations } from '../publish/invitations';
import type { OnAir } from '../publish/on-air';
import {
  MICROPHONE_GONE,
  MICROPHONE_MUTED,
  PICTURE_STANDS,
  SOUND_GONE,
  callProblem,
  obstacle,
  type Problem,
  type SourceKind,
} from '../publish/problems';
import { startRecording } from '../publish/recording-encoder';
import { Studio } from '../publish/studio';
import type { TakePicture } from '../publish/thumbnails';
import type { Offer } from '../publish/unfinished';
import { connect } from '../transport/socketio';
import { strings } from '../strings';
import { badges, stateBadge } from '../ui/badges';
import { runningTime } from '../ui/format';
import '../ui/live/access';
import type { SharedSound } from '../ui/live/health';
import { pageStyles } from '../ui/live/page-styles';
import '../ui/live/offer';
import '../ui/live/on-air';
import type { ChooseEvent, Preview } from '../ui/live/preview';
import '../ui/live/preview';
import type { RecordEvent } from '../ui/live/recording';
import type { GoLiveEvent, SettingsEvent } from '../ui/live/setup';
import '../ui/live/setup';
import { snapshots } from '../ui/snapshot';
import { ghostPicture } from '../ui/logo';
import '../ui/notice';
import '../ui/people/account-menu';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { surfaces } from '../ui/surfaces';
import { toast } from '../ui/toasts';
import { canPlayType } from '../watch/playback/mse/media-source';

const texts = strings.live;

@customElement('ud-live-page')
export class LivePage extends LitElement {
  @query('ud-preview') declare private preview: Preview;

  readonly #abilities = abilities();
  readonly #server = new MainServer();
  readonly #people = new People(this.#server);
  readonly #access = new Access({ people: this.#people, tabMemory, changed: () => this.requestUpdate() });
  readonly #invitations = new WeakMap<OnAir, Invitations>();
  #studio = this.#open();

  static override styles = [base, buttons, badges, surfaces, pageStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('beforeunload', this.#warn);
    void this.#access.look();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('beforeunload', this.#warn);
    this.#studio.close();
  }

  override updated(): void {
    const { air, phase } = this.#studio;
    const live = phase === 'on_air' && air?.state.phase === 'live';
    document.title = live ? texts.liveTitle(air.own.title) : strings.pages.live.title;
  }

  override render(): TemplateResult {
    return html`<ud-shell current="live">
      <ud-account-menu
        slot="account"
        .account=${this.#access.account}
        .people=${this.#people}
        keys=${site('/admin')}
        @signed-out=${() => void this.#access.refused()}
      ></ud-account-menu>
      ${this.#view()}
    </ud-shell>`;
  }

  #view(): TemplateResult {
    const { phase, offer } = this.#studio;
    if (phase === 'over') return this.#over();
    // A stream that is on the air, or can be continued, has its own grant.
    const needsAccess = phase === 'setup' && this.#access.isNeeded;
    return needsAccess && offer === undefined ? this.#entrance() : this.#rooms();
  }

  #entrance(): TemplateResult {
    const { problem } = this.#studio;
    return html`<section class="card entrance">
      <div>
        <h1>${texts.access.heading}</h1>
        <p class="hint">${texts.access.advice}</p>
      </div>
      ${problem ? html`<ud-notice kind="error" heading=${problem.title} advice=${problem.advice}></ud-notice>` : nothing}
      <ud-live-access .access=${this.#access}></ud-live-access>
    </section>`;
  }

  #open(): Studio {
    let take: TakePicture | undefined;
    return new Studio({
      server: this.#server,
      abilities: this.#abilities,
      connect,
      probe: { canRecord: (type) => MediaRecorder.isTypeSupported(type), canPlay: canPlayType },
      encode: startRecording,
      takePicture: () => (take ??= snapshots(this.preview.video))(),
      siteMemory,
      tabMemory,
      streamKey: () => this.#access.streamKey,
      accessRefused: () => void this.#access.refused(),
      changed: () => this.requestUpdate(),
    });
  }

  #rooms(): TemplateResult {
    const { phase, problem, waitsFor, sources } = this.#studio;
    const air = phase === 'on_air' ? this.#studio.air : undefined;
    return html`<div class="columns" @choose=${(event: ChooseEvent) => void sources.choose(event.kind)}>
      <div class="stage">
        <ud-preview
          .source=${sources.capture?.stream}
          ?choosing=${sources.choosing}
          ?onAir=${air !== undefined}
          ?blocked=${this.#blocked}
          .screens=${this.#abilities.screen}
        ></ud-preview>
        ${
          problem
            ? html`<ud-notice kind="error" heading=${problem.title} advice=${problem.advice}>
                ${this.#abilities.secureContext ? nothing : this.#tryHttps()}
              </ud-notice>`
            : nothing
        }
        ${this.#captureNotices()} ${waitsFor ? this.#waitingNotice(waitsFor) : nothing}
        ${sources.capture && phase === 'setup' ? this.#otherSources() : nothing}
      </div>
      <div class="card panel">${air ? this.#onAir(air) : this.#setup()}</div>
    </div>`;
  }

  /** Whether this browser can share no source at all. */
  get #blocked(): boolean {
    return ['screen', 'camera'].every((kind) => obstacle(kind as SourceKind, this.#abilities) !== undefined);
  }

  #tryHttps(): TemplateResult {
    const { host, pathname } = location;
    return html`<a class="button" href="https://${host}${pathname}">${texts.tryHttps}</a>`;
  }

  #setup(): TemplateResult {
    const studio = this.#studio;
    return html`<h1>${texts.heading}</h1>
      ${studio.offer ? this.#continueOffer(studio.offer) : nothing}
      ${this.#access.isNeeded ? html`<ud-live-access .access=${this.#access}></ud-live-access>` : this.#choices()}`;
  }

  #choices(): TemplateResult {
    const studio = this.#studio;
    const { streamKey } = this.#access;
    return html`${streamKey === undefined ? nothing : this.#withKey()}<ud-live-setup
        .settings=${studio.settings}
        .record=${this.#access.record}
        ?ready=${studio.sources.capture !== undefined}
        ?busy=${studio.phase === 'starting'}
        ?blocked=${this.#blocked}
        ?secondary=${studio.offer !== undefined}
        .screens=${this.#abilities.screen}
        @settings=${(event: SettingsEvent) => studio.remember(event.settings)}
        @go-live=${(event: GoLiveEvent) => void studio.goLive(event.passphrase)}
      ></ud-live-setup>`;
  }

  #withKey(): TemplateResult {
    return html`<p class="hint by-key">
      ${texts.access.withKey}
      <button class="button small quiet" type="button" @click=${() => void this.#access.refused()}>
        ${texts.access.forgetKey}
      </button>
    </p>`;
  }

  #continueOffer({ own, info }: Offer): TemplateResult {
    return html`<ud-continue-offer
      .heading=${own.title}
      .info=${info}
      ?busy=${this.#studio.ending}
      @continue=${() => void this.#studio.continue()}
      @end=${() => void this.#studio.endUnfinished()}
    ></ud-continue-offer>`;
  }

  /** Problems of the shared source. */
  #captureNotices(): TemplateResult | typeof nothing {
    const { capture, lost } = this.#studio.sources;
    if (!capture) return nothing;
    const notice = ({ title, advice }: Problem, action: TemplateResult | typeof nothing = nothing): TemplateResult =>
      html`<ud-notice kind="warn" heading=${title} advice=${advice}>${action}</ud-notice>`;
    return html`${lost === 'microphone' ? notice(MICROPHONE_GONE, this.#microphoneButton()) : nothing}
    ${lost === 'sound' ? notice(SOUND_GONE) : nothing} ${capture.voice === 'muted' ? notice(MICROPHONE_MUTED) : nothing}
    ${capture.stands ? notice(PICTURE_STANDS) : nothing}`;
  }

  #microphoneButton(): TemplateResult {
    return html`<button class="button" type="button" @click=${() => this.#setMicrophone(true)}>
      ${texts.microphoneOn}
    </button>`;
  }

  #setMicrophone(microphone: boolean): void {
    this.#studio.remember({ ...this.#studio.settings, microphone });
  }

  #waitingNotice({ title, advice }: Problem): TemplateResult {
    return html`<ud-notice kind="warn" heading=${title} advice=${advice}>
      <button class="button" type="button" @click=${() => this.#studio.stopTrying()}>${texts.stopTrying}</button>
    </ud-notice>`;
  }

  #otherSources(): TemplateResult {
    const { sources } = this.#studio;
    return html`<div class="under">
      <button class="button" type="button" @click=${() => void sources.choose(sources.capture?.kind ?? 'screen')}>
        ${texts.chooseAgain}
      </button>
      <button class="button quiet" type="button" @click=${() => sources.set(undefined)}>${texts.stopSharing}</button>
    </div>`;
  }

  #badge({ phase, recording }: BroadcastState): TemplateResult {
    if (phase === 'connecting') return stateBadge('created');
    return stateBadge(phase === 'live' && recording ? 'live' : 'interrupted');
  }

  #onAir(air: OnAir): TemplateResult {
    const { settings, sources, ending } = this.#studio;
    return html`<ud-on-air
      .state=${air.state}
      .heading=${air.own.title}
      .link=${new URL(air.own.watch_url, location.href).href}
      .viewers=${air.viewers}
      .runningMs=${air.runningMs}
      .graceLeftMs=${air.graceLeftMs}
      .screens=${this.#abilities.screen}
      .canLower=${air.canLower}
      .shared=${sources.capture && soundOf(sources.capture)}
      .rates=${air.rates}
      .visibility=${air.own.visibility ?? 'public'}
      .passphrase=${air.own.passphrase ?? ''}
      .invitations=${this.#invitationsTo(air)}
      .recordPolicy=${this.#access.record}
      .item=${air.recording}
      ?switching=${air.isSwitchingRecording}
      .ending=${ending}
      @microphone=${() => this.#setMicrophone(!settings.microphone)}
      @record=${(event: RecordEvent) => void this.#record(air, event.on)}
      @end=${() => void this.#studio.end()}
      @lower-quality=${() => air.lowerQuality()}
      @shrink=${() => air.shrink()}
      .quality=${air.quality}
      >${this.#badge(air.state)}</ud-on-air
    >`;
  }

  async #record(air: OnAir, on: boolean): Promise<void> {
    try {
      await air.setRecording(on);
    } catch (error) {
      toast(callProblem(error).title, 'error');
    }
  }

  #invitationsTo(air: OnAir): Invitations | undefined {
    if (air.own.visibility !== 'private') return undefined;
    const known = this.#invitations.get(air);
    if (known) return known;
    const { stream_id: streamId } = air.own;
    const made = new Invitations({ people: this.#people, streamId, grant: () => air.grant, page: location.href });
    this.#invitations.set(air, made);
    return made;
  }

  #over(): TemplateResult {
    const { air, nothingShared, endedElsewhere } = this.#studio;
    const problem = air?.state.problem && callProblem(air.state.problem);
    const lasted = air?.runningMs === undefined ? '' : texts.over.lasted(runningTime(air.runningMs));
    const { byOperator, byOperatorAdvice, nothingShared: ended, thanks } = texts.over;
    const heading = endedElsewhere ? byOperator : texts.over.heading;
    const advice = endedElsewhere ? byOperatorAdvice : nothingShared ? ended : thanks;
    return html`<section class="over" role="status">
      ${ghostPicture}
      <h1>${problem?.title ?? heading}</h1>
      <p>${lasted} ${problem?.advice ?? advice}</p>
      <div class="under">
        <button class="button primary" type="button" @click=${() => this.#studio.again()}>${texts.over.again}</button>
        <a class="button" href=${site('/view')}>${texts.over.seeLive}</a>
      </div>
    </section>`;
  }

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.#studio.phase === 'on_air') event.preventDefault();
  };
}

function soundOf({ kind, stream, hasAudio, hasOwnSound, voice }: Capture): SharedSound {
  return { kind, stream, hasAudio, hasOwnSound, voice };
}
