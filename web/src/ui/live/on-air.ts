// <ud-on-air>: how the stream is doing, its link, and what can be done about it. Sends `choose` (another source),
// `microphone`, `lower-quality`, `shrink` and, once that is confirmed, `end`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { BroadcastState, Picture } from '../../publish/broadcast';
import type { Voice } from '../../publish/capture';
import { passes } from '../../publish/patience';
import { callProblem, waitingProblem } from '../../publish/problems';
import { same, sizeText, smaller } from '../../publish/size';
import type { Confirm } from '../confirm';
import '../confirm';
import '../copy-link';
import { runningTime } from '../format';
import { microphoneIcon, microphoneOffIcon, screenIcon, stopIcon, swapIcon } from '../icons';
import '../notice';
import { base, buttons } from '../styles';
import { endingAdvice } from './offer';
import { ChooseEvent } from './preview';

/** From how far behind the uplink counts as too slow. */
const TOO_FAR_BEHIND_MS = 2_500;

const VOICE_LABELS: Record<Voice, string> = { off: 'Mic off', asking: 'Mic…', on: 'Mic on', muted: 'Mic muted' };

@customElement('ud-on-air')
export class OnAir extends LitElement {
  @property({ attribute: false }) declare state: BroadcastState;
  @property() heading = '';
  /** For viewers, absolute. */
  @property() link = '';
  /** On all nodes. */
  @property({ type: Number }) viewers = 0;
  /** None while it is not yet on the air. */
  @property({ attribute: false }) runningMs: number | undefined;
  /** How long viewers still wait for another source, while nothing is shared. */
  @property({ attribute: false }) graceLeftMs: number | undefined;
  @property({ type: Boolean }) screens = true;
  @property({ type: Boolean }) canLower = false;
  /** Name of the quality in use. */
  @property() quality = '';
  @property() voice: Voice = 'off';
  @property({ type: Boolean }) ending = false;
  @query('ud-confirm') declare private confirm: Confirm;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 18px;
      }
      h1 {
        font-size: 1.375rem;
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 10px;
        margin: 0;
      }
      dl > div {
        padding: 12px 16px;
        border-radius: var(--ud-radius);
        background: var(--ud-surface-2);
      }
      dt {
        color: var(--ud-muted);
        font-size: 0.8125rem;
      }
      dd {
        margin: 0;
        font-size: 1.5rem;
        font-weight: 700;
        font-variant-numeric: tabular-nums;
        letter-spacing: -0.02em;
      }
      .hint {
        margin-top: -8px;
        color: var(--ud-muted);
        font-size: 0.875rem;
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
    const { recording } = this.state;
    return html`
      <h1 dir="auto">${this.heading}</h1>
      ${this.#notice()}
      <dl>
        <div>
          <dt>On air</dt>
          <dd>${this.runningMs === undefined ? '–:––' : runningTime(this.runningMs)}</dd>
        </div>
        <div>
          <dt>Watching</dt>
          <dd aria-live="polite">${this.viewers}</dd>
        </div>
      </dl>
      ${this.state.picture ? html`<p class="hint">${pictureText(this.state.picture, this.quality)}</p>` : nothing}
      <ud-copy-link url=${this.link}></ud-copy-link>
      <div class="actions">
        ${recording ? [this.#microphoneButton(), this.#sourceButton('Change source')] : nothing}
        <button class="button live" type="button" ?disabled=${this.ending} @click=${() => this.confirm.ask()}>
          ${stopIcon} End stream
        </button>
      </div>
      <ud-confirm
        heading="End your stream?"
        advice=${endingAdvice(this.state.phase === 'live', this.viewers)}
        action="End for everyone"
        @confirm=${() => this.#send('end')}
      ></ud-confirm>
    `;
  }

  #notice(): TemplateResult | typeof nothing {
    const { phase, problem, recording, recorderProblem, behindMs, picture, slow } = this.state;
    if (recorderProblem) {
      return html`<ud-notice kind="error" heading=${recorderProblem.title} advice=${recorderProblem.advice}>
        ${this.#countdown()} ${this.#sourceButton('Share again')}
      </ud-notice>`;
    }
    if (!recording) {
      return html`<ud-notice
        kind="warn"
        heading="Nothing is shared right now"
        advice="Viewers read that the stream is interrupted. Share something within half a minute, or it ends by itself."
      >
        ${this.#countdown()} ${this.#sourceButton('Share again')}
      </ud-notice>`;
    }
    if (phase === 'reconnecting') {
      return html`<ud-notice
        kind="warn"
        heading="Reconnecting…"
        advice="The connection was lost and is coming back by itself. The last half minute is kept for your viewers."
      ></ud-notice>`;
    }
    if (phase === 'connecting' && problem) {
      const { title, advice } = passes(problem) ? waitingProblem(problem) : callProblem(problem);
      return html`<ud-notice kind="warn" heading=${title} advice=${advice}></ud-notice>`;
    }
    if (behindMs > TOO_FAR_BEHIND_MS) {
      const lower = html`<button class="button" type="button" @click=${() => this.#send('lower-quality')}>
        Lower the quality
      </button>`;
      return html`<ud-notice
        kind="warn"
        heading="Your connection is slower than your stream"
        advice="Viewers see you ${Math.round(behindMs / 1000)} seconds late."
      >
        ${this.canLower ? lower : nothing}
      </ud-notice>`;
    }
    if (slow) return this.#slowNotice(picture);
    if (picture?.reduced) {
      return html`<ud-notice
        kind="warn"
        heading="This computer could not keep up"
        advice="The picture is smaller now, so that it stays smooth and on time."
      ></ud-notice>`;
    }
    return nothing;
  }

  #slowNotice(picture: Picture | undefined): TemplateResult {
    const shrink = html`<button class="button" type="button" @click=${() => this.#send('shrink')}>
      Make the picture smaller
    </button>`;
    return html`<ud-notice
      kind="warn"
      heading="This computer can’t keep up"
      advice="Viewers see fewer pictures than you share, and late. Closing other programs helps."
    >
      ${picture && smaller(picture.sent) ? shrink : nothing}
    </ud-notice>`;
  }

  /** For those who look; told aloud every second it would only disturb. */
  #countdown(): TemplateResult | typeof nothing {
    if (this.graceLeftMs === undefined) return nothing;
    const left = Math.ceil(this.graceLeftMs / 1000);
    return html`<p class="countdown" aria-hidden="true">
      ${left > 0 ? `The stream ends in ${left} s` : 'The stream is ending…'}
    </p>`;
  }

  #sourceButton(label: string): TemplateResult {
    const kind = this.screens ? 'screen' : 'camera';
    const icon = label === 'Change source' ? swapIcon : screenIcon;
    return html`<button class="button" type="button" @click=${() => this.#choose(kind)}>${icon} ${label}</button>`;
  }

  #microphoneButton(): TemplateResult {
    return html`<button
      class="button"
      type="button"
      aria-pressed=${this.voice !== 'off'}
      @click=${() => this.#send('microphone')}
    >
      ${this.voice === 'on' ? microphoneIcon : microphoneOffIcon} ${VOICE_LABELS[this.voice]}
    </button>`;
  }

  #choose(kind: 'screen' | 'camera'): void {
    this.dispatchEvent(new ChooseEvent(kind));
  }

  #send(name: 'end' | 'lower-quality' | 'microphone' | 'shrink'): void {
    this.dispatchEvent(new Event(name, { bubbles: true, composed: true }));
  }
}

/** What viewers see of the picture, and why it is not larger. */
function pictureText({ source, sent, limit, reduced }: Picture, quality: string): string {
  const seen = `Viewers see ${sizeText(sent)}`;
  if (!same(source, sent)) return `${seen}, scaled down from ${sizeText(source)}.`;
  // The browser scaled it; how large it was, it does not tell.
  const isMost = sent.width === limit.width || sent.height === limit.height;
  return isMost && !reduced ? `${seen}, the most that “${quality}” sends. Larger sources are scaled down.` : `${seen}.`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-on-air': OnAir;
  }
}
