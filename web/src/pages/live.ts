// The page to go live from: what a studio does (publish/studio.ts), as it looks. The parts are in ui/live/.

import { LitElement, html, nothing, type TemplateResult } from 'lit';
import { customElement, query } from 'lit/decorators.js';
import { MainServer } from '../api/client';
import { siteMemory, tabMemory } from '../browser/storage';
import type { BroadcastState } from '../publish/broadcast';
import { abilities } from '../publish/capture';
import type { OnAir } from '../publish/on-air';
import {
  MICROPHONE_GONE,
  MICROPHONE_MUTED,
  PICTURE_STANDS,
  SOUND_GONE,
  callProblem,
  type Problem,
} from '../publish/problems';
import { startRecording } from '../publish/recording-encoder';
import { Studio } from '../publish/studio';
import type { TakePicture } from '../publish/thumbnails';
import type { Offer } from '../publish/unfinished';
import { connect } from '../transport/socketio';
import { badges, stateBadge } from '../ui/badges';
import { runningTime } from '../ui/format';
import { pageStyles } from '../ui/live/page-styles';
import '../ui/live/offer';
import '../ui/live/on-air';
import type { ChooseEvent, Preview } from '../ui/live/preview';
import '../ui/live/preview';
import type { GoLiveEvent, SettingsEvent } from '../ui/live/setup';
import '../ui/live/setup';
import { snapshots } from '../ui/live/snapshot';
import { ghostPicture } from '../ui/shell';
import { base, buttons } from '../ui/styles';
import { canPlayType } from '../watch/playback/mse/media-source';

const NOTHING_SHARED = 'Nothing was shared for half a minute, so it ended by itself.';

@customElement('ud-live-page')
export class LivePage extends LitElement {
  @query('ud-preview') declare private preview: Preview;

  readonly #abilities = abilities();
  #studio = this.#open();

  static override styles = [base, buttons, badges, pageStyles];

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('beforeunload', this.#warn);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('beforeunload', this.#warn);
    this.#studio.close();
  }

  override updated(): void {
    const { air, phase } = this.#studio;
    const live = phase === 'on_air' && air?.state.phase === 'live';
    document.title = live ? `● Live: ${air.own.title}` : 'Go live · Undead';
  }

  override render(): TemplateResult {
    return html`<ud-shell current="live">${this.#studio.phase === 'over' ? this.#over() : this.#rooms()}</ud-shell>`;
  }

  #open(): Studio {
    let take: TakePicture | undefined;
    return new Studio({
      server: new MainServer(),
      abilities: this.#abilities,
      connect,
      probe: { canRecord: (type) => MediaRecorder.isTypeSupported(type), canPlay: canPlayType },
      encode: startRecording,
      takePicture: () => (take ??= snapshots(this.preview.video))(),
      siteMemory,
      tabMemory,
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
          .screens=${this.#abilities.screen || !this.#abilities.secureContext}
        >
          ${air ? this.#badge(air.state) : nothing}
        </ud-preview>
        ${
          problem
            ? html`<ud-notice kind="error" heading=${problem.title} advice=${problem.advice}></ud-notice>`
            : nothing
        }
        ${this.#captureNotices()} ${waitsFor ? this.#waitingNotice(waitsFor) : nothing}
        ${sources.capture && phase === 'setup' ? this.#otherSources() : nothing}
      </div>
      <div class="panel">${air ? this.#onAir(air) : this.#setup()}</div>
    </div>`;
  }

  #setup(): TemplateResult {
    const studio = this.#studio;
    return html`<h1>Go live</h1>
      ${studio.offer ? this.#continueOffer(studio.offer) : nothing}
      <ud-live-setup
        .settings=${studio.settings}
        ?ready=${studio.sources.capture !== undefined}
        ?busy=${studio.phase === 'starting'}
        @settings=${(event: SettingsEvent) => studio.remember(event.settings)}
        @go-live=${(event: GoLiveEvent) => void studio.goLive(event.passphrase)}
      ></ud-live-setup>`;
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

  /** What is wrong with what is shared, while it is shared. */
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
    return html`<button class="button" type="button" @click=${() => this.#setMicrophone(true)}>Switch it on</button>`;
  }

  #setMicrophone(microphone: boolean): void {
    this.#studio.remember({ ...this.#studio.settings, microphone });
  }

  #waitingNotice({ title, advice }: Problem): TemplateResult {
    return html`<ud-notice kind="warn" heading=${title} advice=${advice}>
      <button class="button" type="button" @click=${() => this.#studio.stopTrying()}>Stop trying</button>
    </ud-notice>`;
  }

  #otherSources(): TemplateResult {
    const { sources } = this.#studio;
    return html`<div class="under">
      <button class="button" type="button" @click=${() => void sources.choose(sources.capture?.kind ?? 'screen')}>
        Choose something else
      </button>
      <button class="button quiet" type="button" @click=${() => sources.set(undefined)}>Stop sharing</button>
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
      .voice=${sources.capture?.voice ?? 'off'}
      .ending=${ending}
      @microphone=${() => this.#setMicrophone(!settings.microphone)}
      @end=${() => void this.#studio.end()}
      @lower-quality=${() => air.lowerQuality()}
      @shrink=${() => air.shrink()}
      .quality=${air.quality}
    ></ud-on-air>`;
  }

  #over(): TemplateResult {
    const { air, nothingShared } = this.#studio;
    const problem = air?.state.problem && callProblem(air.state.problem);
    const lasted = air?.runningMs === undefined ? '' : `You were on air for ${runningTime(air.runningMs)}.`;
    return html`<section class="over" role="status">
      ${ghostPicture}
      <h1>${problem?.title ?? 'Your stream has ended'}</h1>
      <p>${lasted} ${problem?.advice ?? (nothingShared ? NOTHING_SHARED : 'Thank you for sharing.')}</p>
      <div class="under">
        <button class="button primary" type="button" @click=${() => this.#studio.again()}>Start another</button>
        <a class="button" href="/view">See what is live</a>
      </div>
    </section>`;
  }

  readonly #warn = (event: BeforeUnloadEvent): void => {
    if (this.#studio.phase === 'on_air') event.preventDefault();
  };
}
