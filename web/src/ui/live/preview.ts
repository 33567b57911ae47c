// <ud-preview>: what is being shared, as the broadcaster sees it; before that, the choice of a source. Sends `choose`
// with the kind of source.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { SourceKind } from '../../publish/problems';
import { cameraIcon, screenIcon } from '../icons';
import { base, buttons } from '../styles';

/** The person wants to share this kind of source. */
export class ChooseEvent extends Event {
  constructor(readonly kind: SourceKind) {
    super('choose', { bubbles: true, composed: true });
  }
}

@customElement('ud-preview')
export class Preview extends LitElement {
  /** What is shared now. */
  @property({ attribute: false }) source: MediaStream | undefined;
  /** Whether the browser's own dialog is open. */
  @property({ type: Boolean }) choosing = false;
  /** Whether this device can share its screen at all; phones cannot. */
  @property({ type: Boolean }) screens = true;
  /** Whether viewers are waiting. */
  @property({ type: Boolean }) onAir = false;
  /** Shows what is shared; for taking pictures of it. */
  @query('video') declare readonly video: HTMLVideoElement;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: block;
      }
      .frame {
        position: relative;
        aspect-ratio: 16 / 9;
        overflow: hidden;
        border-radius: calc(var(--ud-radius) + 2px);
        background: var(--ud-screen);
        box-shadow: var(--ud-shadow);
      }
      video {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }
      .choice {
        position: absolute;
        inset: 0;
        display: grid;
        place-content: center;
        justify-items: center;
        gap: 8px;
        padding: 16px;
        background: radial-gradient(circle at 50% 130%, #1d5c42, transparent 70%);
        color: #edf3ef;
        text-align: center;
      }
      .choice p {
        color: #a9b8b0;
        font-size: 0.9375rem;
      }
      h2 {
        font-size: clamp(1.125rem, 3vw, 1.5rem);
      }
      .buttons {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 10px;
        margin-top: 10px;
      }
      .choice .button {
        border-color: rgb(255 255 255 / 30%);
        background: rgb(255 255 255 / 8%);
        color: #fff;
      }
      .choice .button:hover {
        background: rgb(255 255 255 / 18%);
      }
      .choice .button.first {
        border-color: transparent;
        background: #4fe3a1;
        color: #04140c;
      }
      .choice .button.first:hover {
        background: #7df0bd;
      }
      .corner {
        position: absolute;
        left: 12px;
        top: 12px;
        display: flex;
        gap: 8px;
      }
      @media (max-width: 480px) {
        .choice + .corner {
          display: none;
        }
      }
    `,
  ];

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('source')) this.video.srcObject = this.source ?? null;
  }

  override render(): TemplateResult {
    return html`<div class="frame">
      <video muted autoplay playsinline aria-label="Preview of what you share" ?hidden=${!this.source}></video>
      ${this.source ? nothing : this.#choice()}
      <div class="corner"><slot></slot></div>
    </div>`;
  }

  #choice(): TemplateResult {
    if (this.choosing) {
      return html`<div class="choice" role="status">
        <h2>Pick what to share</h2>
        <p>Your browser is asking you.</p>
      </div>`;
    }
    const screen = html`<button class="button first" type="button" @click=${() => this.#choose('screen')}>
      ${screenIcon} Share a screen
    </button>`;
    return html`<div class="choice">
      <h2>What do you want to share?</h2>
      <p>${this.onAir ? 'Your viewers are waiting.' : 'Nobody sees it before you go live.'}</p>
      <div class="buttons">
        ${this.screens ? screen : nothing}
        <button class="button" type="button" @click=${() => this.#choose('camera')}>${cameraIcon} Use a camera</button>
      </div>
    </div>`;
  }

  #choose(kind: SourceKind): void {
    this.dispatchEvent(new ChooseEvent(kind));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-preview': Preview;
  }
}
