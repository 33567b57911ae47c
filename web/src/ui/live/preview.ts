// <ud-preview>: the shared source, as the broadcaster sees it; before that, the choice of a source. Sends `choose` with
// the kind of source.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { SourceKind } from '../../publish/problems';
import { strings } from '../../strings';
import { cameraIcon, screenIcon } from '../icons';
import { base, block, buttons } from '../styles';

const texts = strings.live.preview;

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
  /** Whether this device can share its screen; phones cannot. */
  @property({ type: Boolean }) screens = true;
  /** Whether this browser can share nothing at all. */
  @property({ type: Boolean }) blocked = false;
  /** Whether viewers are waiting. */
  @property({ type: Boolean }) onAir = false;
  /** The video of the shared source, from which preview pictures are taken. */
  @query('video') declare readonly video: HTMLVideoElement;

  static override styles = [
    base,
    block,
    buttons,
    css`
      .frame {
        position: relative;
        aspect-ratio: 16 / 9;
        overflow: hidden;
        border-radius: var(--ud-radius-large);
        background: var(--ud-screen);
        color-scheme: dark;
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
        background: radial-gradient(circle at 50% 130%, var(--ud-accent-soft), transparent 70%);
        color: var(--ud-text);
        text-align: center;
      }
      .choice p {
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
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
    `,
  ];

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('source')) this.video.srcObject = this.source ?? null;
  }

  override render(): TemplateResult {
    return html`<div class="frame">
      <video muted autoplay playsinline aria-label=${texts.label} ?hidden=${!this.source}></video>
      ${this.source ? nothing : this.#choice()}
    </div>`;
  }

  #choice(): TemplateResult {
    if (this.blocked) return this.#words(texts.blocked, texts.blockedAdvice);
    if (this.choosing) return this.#words(texts.choosing, texts.choosingAdvice);
    const screen = html`<button class="button" type="button" @click=${() => this.#choose('screen')}>
      ${screenIcon} ${texts.screen}
    </button>`;
    return html`<div class="choice">
      <h2>${texts.choose}</h2>
      <p>${this.onAir ? texts.onAir : texts.private}</p>
      <div class="buttons">
        ${this.screens ? screen : nothing}
        <button class="button" type="button" @click=${() => this.#choose('camera')}>
          ${cameraIcon} ${texts.camera}
        </button>
      </div>
    </div>`;
  }

  #words(heading: string, advice: string): TemplateResult {
    return html`<div class="choice" role="status">
      <h2>${heading}</h2>
      <p>${advice}</p>
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
