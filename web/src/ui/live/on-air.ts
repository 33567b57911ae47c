// <ud-on-air>: the state of the stream, its link, who can watch, and the broadcaster's actions; notices go into the
// default slot. Sends `choose` (another source), `microphone`, `record`, `lower-quality`, `shrink` and, after
// confirmation, `end`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { RecordPolicy } from '../../protocol/account';
import type { ItemId } from '../../protocol/item';
import type { Visibility } from '../../protocol/stream';
import type { BroadcastState, Picture, Rates } from '../../publish/broadcast';
import { passes } from '../../publish/patience';
import type { Invitations } from '../../publish/invitations';
import { callProblem, waitingProblem } from '../../publish/problems';
import { same, sizeText, smaller } from '../../publish/size';
import { strings } from '../../strings';
import type { Confirm } from '../confirm';
import '../confirm';
import '../copy-link';
import { runningTime } from '../format';
import { microphoneIcon, microphoneOffIcon, screenIcon, stopIcon, swapIcon } from '../icons';
import '../notice';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';
import type { SharedSound } from './health';
import './health';
import './invitations';
import { endingAdvice } from './offer';
import './passphrase';
import { ChooseEvent } from './preview';
import './recording';

/** An uplink further behind than this counts as too slow. */
const TOO_FAR_BEHIND_MS = 2_500;

const texts = strings.live.onAir;

@customElement('ud-on-air')
export class OnAir extends LitElement {
  @property({ attribute: false }) declare state: BroadcastState;
  @property() heading = '';
  /** The link for viewers, absolute. */
  @property() link = '';
  /** Viewers on all nodes. */
  @property({ type: Number }) viewers = 0;
  /** Undefined before the stream is live. */
  @property({ attribute: false }) runningMs: number | undefined;
  /** How long viewers still wait for another source, while nothing is shared. */
  @property({ attribute: false }) graceLeftMs: number | undefined;
  @property({ type: Boolean }) screens = true;
  @property({ type: Boolean }) canLower = false;
  /** Name of the quality in use. */
  @property() quality = '';
  /** Undefined while nothing is shared. */
  @property({ attribute: false }) shared: SharedSound | undefined;
  @property({ attribute: false }) declare rates: Rates;
  @property({ attribute: false }) visibility: Visibility = 'public';
  @property() passphrase = '';
  /** For a private stream. */
  @property({ attribute: false }) invitations: Invitations | undefined;
  /** Whether streams are recorded here. */
  @property({ attribute: false }) recordPolicy: RecordPolicy = 'off';
  /** The item of the current recording. */
  @property({ attribute: false }) item: ItemId | undefined;
  /** Whether recording is being switched on or off. */
  @property({ type: Boolean }) switching = false;
  @property({ type: Boolean }) ending = false;
  @query('ud-confirm') declare private confirm: Confirm;

  static override styles = [
    base,
    buttons,
    surfaces,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 18px;
      }
      h1 {
        font-size: var(--ud-text-xl);
        overflow-wrap: anywhere;
      }
      h2 {
        margin-bottom: var(--ud-space-1);
        font-size: var(--ud-text-s);
        letter-spacing: 0;
      }
      header {
        display: grid;
        justify-items: start;
        gap: var(--ud-space-2);
      }
      .size {
        margin-top: -8px;
      }
      .countdown {
        flex: 1 1 100%;
        font-weight: 650;
        font-variant-numeric: tabular-nums;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
      }
      .actions .button {
        flex: 1 1 auto;
      }
    `,
  ];

  override render(): TemplateResult {
    const { recording, picture } = this.state;
    return html`
      <header>
        <slot></slot>
        <h1 dir="auto">${this.heading}</h1>
      </header>
      ${this.#notice()}
      <dl class="figures">
        <div>
          <dt>${texts.time}</dt>
          <dd>${this.runningMs === undefined ? texts.noTime : runningTime(this.runningMs)}</dd>
        </div>
        <div>
          <dt>${texts.watching}</dt>
          <dd aria-live="polite">${this.viewers}</dd>
        </div>
      </dl>
      <ud-copy-link ?primary=${recording} url=${this.link}></ud-copy-link>
      <div class="actions">
        ${recording ? [this.#microphoneButton(), this.#sourceButton(texts.changeSource, swapIcon)] : nothing}
        <button class="button danger" type="button" ?disabled=${this.ending} @click=${() => this.confirm.ask()}>
          ${stopIcon} ${texts.end}
        </button>
      </div>
      ${this.#audience()} ${this.#recording()}
      <section>
        <h2>${texts.health}</h2>
        <ud-health .state=${this.state} .rates=${this.rates} .shared=${this.shared}></ud-health>
      </section>
      ${picture ? html`<p class="hint size">${pictureText(picture, this.quality)}</p>` : nothing}
      <ud-confirm
        heading=${strings.live.ending.heading}
        advice=${endingAdvice(this.state.phase === 'live', this.viewers)}
        action=${strings.live.ending.action}
        @confirm=${() => this.#send('end')}
      ></ud-confirm>
    `;
  }

  #audience(): TemplateResult {
    const { visibility, passphrase } = this;
    const locked = visibility === 'private' && passphrase !== '';
    const isPrivate = locked ? texts.withPassphrase : texts.byInvitation;
    const words = visibility === 'private' ? isPrivate : texts[visibility];
    const row = html`<div>
      <dt>${texts.passphrase}</dt>
      <dd><ud-passphrase value=${passphrase}></ud-passphrase></dd>
    </div>`;
    return html`<section>
        <h2>${texts.audience}</h2>
        <p class="hint">${words}</p>
        ${locked ? html`<dl class="facts">${row}</dl>` : nothing}
      </section>
      ${visibility === 'private' && this.invitations ? invite(this.invitations) : nothing}`;
  }

  #recording(): TemplateResult | typeof nothing {
    const { recordPolicy: policy, item } = this;
    if (policy === 'off' && item === undefined) return nothing;
    return html`<section>
      <h2>${texts.recording}</h2>
      <ud-recording .policy=${policy} .item=${item} ?busy=${this.switching}></ud-recording>
    </section>`;
  }

  #notice(): TemplateResult | typeof nothing {
    const { phase, problem, recording, recorderProblem, behindMs, picture, slow } = this.state;
    if (recorderProblem) {
      return html`<ud-notice kind="error" heading=${recorderProblem.title} advice=${recorderProblem.advice}>
        ${this.#countdown()} ${this.#sourceButton(texts.shareAgain, screenIcon)}
      </ud-notice>`;
    }
    if (!recording) {
      return html`<ud-notice kind="warn" heading=${texts.nothing} advice=${texts.nothingAdvice}>
        ${this.#countdown()} ${this.#sourceButton(texts.shareAgain, screenIcon)}
      </ud-notice>`;
    }
    if (phase === 'reconnecting') {
      return html`<ud-notice kind="warn" heading=${texts.reconnecting} advice=${texts.reconnectingAdvice}></ud-notice>`;
    }
    if (phase === 'connecting' && problem) {
      const { title, advice } = passes(problem) ? waitingProblem(problem) : callProblem(problem);
      return html`<ud-notice kind="warn" heading=${title} advice=${advice}></ud-notice>`;
    }
    if (behindMs > TOO_FAR_BEHIND_MS) {
      const lower = html`<button class="button" type="button" @click=${() => this.#send('lower-quality')}>
        ${texts.lowerQuality}
      </button>`;
      return html`<ud-notice
        kind="warn"
        heading=${texts.slowUplink}
        advice=${texts.slowUplinkAdvice(Math.round(behindMs / 1000))}
      >
        ${this.canLower ? lower : nothing}
      </ud-notice>`;
    }
    if (slow) return this.#slowNotice(picture);
    if (picture?.reduced) {
      return html`<ud-notice kind="warn" heading=${texts.reduced} advice=${texts.reducedAdvice}></ud-notice>`;
    }
    return nothing;
  }

  #slowNotice(picture: Picture | undefined): TemplateResult {
    const shrink = html`<button class="button" type="button" @click=${() => this.#send('shrink')}>
      ${texts.shrink}
    </button>`;
    return html`<ud-notice kind="warn" heading=${texts.slow} advice=${texts.slowAdvice}>
      ${picture && smaller(picture.sent) ? shrink : nothing}
    </ud-notice>`;
  }

  /** For the eye only; a countdown read aloud every second would disturb. */
  #countdown(): TemplateResult | typeof nothing {
    if (this.graceLeftMs === undefined) return nothing;
    const left = Math.ceil(this.graceLeftMs / 1000);
    return html`<p class="countdown" aria-hidden="true">${texts.endsIn(left)}</p>`;
  }

  #sourceButton(label: string, icon: TemplateResult): TemplateResult {
    const kind = this.screens ? 'screen' : 'camera';
    // Without a source, sharing one is the main action.
    const importance = this.state.recording ? '' : 'primary';
    return html`<button class="button ${importance}" type="button" @click=${() => this.#choose(kind)}>
      ${icon} ${label}
    </button>`;
  }

  #microphoneButton(): TemplateResult {
    const voice = this.shared?.voice ?? 'off';
    return html`<button
      class="button"
      type="button"
      aria-pressed=${voice !== 'off'}
      @click=${() => this.#send('microphone')}
    >
      ${voice === 'on' ? microphoneIcon : microphoneOffIcon} ${texts.buttons[voice]}
    </button>`;
  }

  #choose(kind: 'screen' | 'camera'): void {
    this.dispatchEvent(new ChooseEvent(kind));
  }

  #send(name: 'end' | 'lower-quality' | 'microphone' | 'shrink'): void {
    this.dispatchEvent(new Event(name, { bubbles: true, composed: true }));
  }
}

function invite(invitations: Invitations): TemplateResult {
  return html`<section>
    <h2>${texts.invite}</h2>
    <ud-invitations .invitations=${invitations}></ud-invitations>
  </section>`;
}

/** The size of the viewers' picture, and why it is not larger. */
function pictureText({ source, sent, limit, reduced }: Picture, quality: string): string {
  const size = sizeText(sent);
  if (!same(source, sent)) return texts.scaled(size, sizeText(source));
  // The browser scaled it, and does not tell the original size.
  const isMost = sent.width === limit.width || sent.height === limit.height;
  return isMost && !reduced ? texts.most(size, quality) : texts.seen(size);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-on-air': OnAir;
  }
}
