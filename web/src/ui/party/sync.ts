// <ud-party-sync .errorMs .trimMs>: the sync error of this page, and a slider that corrects it by hand. Sends
// `ud-trim`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { MOST_TRIM_MS } from '../../party/session';
import { strings } from '../../strings';
import { base, buttons } from '../styles';
import { offBy, tone } from './sync-error';

const texts = strings.party.sync;
const STEP_MS = 10;

/** The person set a correction of the output's latency. */
export class TrimEvent extends Event {
  constructor(readonly ms: number) {
    super('ud-trim', { bubbles: true, composed: true });
  }
}

@customElement('ud-party-sync')
export class PartySync extends LitElement {
  @property({ attribute: false }) errorMs: number | undefined;
  @property({ type: Number }) trimMs = 0;
  @state() private open = false;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        position: relative;
        display: inline-flex;
      }
      .chip {
        min-height: var(--ud-target);
        gap: 8px;
        padding: 0 12px;
        color: inherit;
        font-size: var(--ud-text-s);
        font-variant-numeric: tabular-nums;
      }
      .dot {
        width: 9px;
        height: 9px;
        border-radius: 50%;
        background: var(--ud-line-strong);
      }
      .ok {
        background: #4fe3a1;
      }
      .warn {
        background: #f2bd5b;
      }
      .bad {
        background: #ff5468;
      }
      .panel {
        position: absolute;
        right: 0;
        bottom: calc(100% + 8px);
        z-index: 6;
        display: grid;
        gap: 8px;
        width: min(330px, calc(100vw - 64px));
        padding: 16px;
        border-radius: var(--ud-radius);
        background: #16201c;
        color: #fff;
        box-shadow: 0 12px 44px rgb(0 0 0 / 50%);
      }
      .panel strong {
        font-size: var(--ud-text-m);
      }
      .panel .hint {
        color: rgb(255 255 255 / 76%);
      }
      label {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        font-size: var(--ud-text-s);
        font-weight: 600;
      }
      output {
        font-variant-numeric: tabular-nums;
      }
      input {
        width: 100%;
        height: var(--ud-target);
        margin: 0;
        accent-color: #4fe3a1;
      }
      .panel .button {
        justify-self: start;
        color: #fff;
        border-color: rgb(255 255 255 / 45%);
        background: none;
      }
      /* Across the stage. */
      @media (max-width: 640px) {
        :host {
          position: static;
        }
        .panel {
          right: 16px;
          bottom: 84px;
          left: 16px;
          width: auto;
        }
      }
      @media (max-width: 480px) {
        .word:not(:last-child) {
          position: absolute;
          width: 1px;
          height: 1px;
          overflow: hidden;
          clip-path: inset(50%);
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { errorMs } = this;
    return html`<button
        class="button quiet chip"
        type="button"
        aria-expanded=${this.open}
        aria-controls="panel"
        title=${this.#words}
        @click=${() => (this.open = !this.open)}
      >
        <span class="dot ${errorMs === undefined ? '' : tone(errorMs)}"></span>
        <span class="word">${texts.label}</span
        >${errorMs === undefined ? nothing : html` <span>${texts.error(offBy(errorMs))}</span>`}
      </button>
      ${this.open ? this.#panel() : nothing}`;
  }

  get #words(): string {
    const { errorMs } = this;
    if (errorMs === undefined) return texts.unknown;
    const ms = Math.round(errorMs);
    if (Math.abs(ms) < STEP_MS) return texts.exact;
    return ms > 0 ? texts.late(ms) : texts.early(-ms);
  }

  #panel(): TemplateResult {
    return html`<div class="panel" id="panel" @keydown=${this.#key}>
      <strong>${this.#words}</strong>
      <label for="trim">${texts.trim} <output>${texts.trimValue(this.trimMs)}</output></label>
      <input
        id="trim"
        type="range"
        min=${-MOST_TRIM_MS}
        max=${MOST_TRIM_MS}
        step=${STEP_MS}
        aria-valuetext=${texts.trimValue(this.trimMs)}
        .value=${String(this.trimMs)}
        @input=${(event: Event) => this.#trim(Number((event.target as HTMLInputElement).value))}
      />
      <p class="hint">${texts.trimAdvice}</p>
      ${
        this.trimMs === 0
          ? nothing
          : html`<button class="button small" type="button" @click=${() => this.#trim(0)}>${texts.reset}</button>`
      }
    </div>`;
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    this.open = false;
    this.renderRoot.querySelector<HTMLElement>('.chip')?.focus();
  };

  #trim(ms: number): void {
    this.trimMs = ms;
    this.dispatchEvent(new TrimEvent(ms));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-sync': PartySync;
  }
  interface HTMLElementEventMap {
    'ud-trim': TrimEvent;
  }
}
