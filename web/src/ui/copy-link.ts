// <ud-copy-link url>: a link to hand on, with a button that copies it, or says how to do it by hand.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { copyKeys, copyText } from '../browser/clipboard';
import { checkIcon, linkIcon } from './icons';
import { base, buttons } from './styles';

/** How long the button says that it copied. */
const COPIED_MS = 2_000;

@customElement('ud-copy-link')
export class CopyLink extends LitElement {
  @property() url = '';
  @state() private outcome: 'copied' | 'by_hand' | undefined;
  @query('input') declare private field: HTMLInputElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    base,
    buttons,
    css`
      .row {
        display: flex;
        align-items: center;
        gap: 6px;
        padding: 5px 5px 5px 16px;
        border: 1px solid var(--ud-line);
        border-radius: 999px;
        background: var(--ud-bg);
      }
      .row:focus-within {
        border-color: var(--ud-accent);
      }
      input {
        flex: 1;
        min-width: 0;
        border: 0;
        background: none;
        color: var(--ud-text);
        font: 0.875rem var(--ud-mono);
        text-overflow: ellipsis;
      }
      input:focus-visible {
        box-shadow: none;
      }
      .button {
        min-height: 38px;
        padding: 0 14px;
        font-size: 0.9375rem;
      }
      .hint {
        padding: 6px 16px 0;
        color: var(--ud-muted);
        font-size: 0.875rem;
      }
      .hint:empty {
        display: none;
      }
    `,
  ];

  override render(): TemplateResult {
    const { outcome } = this;
    return html`<div class="row">
        <input readonly aria-label="Link for viewers" .value=${this.url} @focus=${() => this.field.select()} />
        <button class="button primary" type="button" @click=${this.#copy}>
          ${outcome === 'copied' ? checkIcon : linkIcon}${outcome === 'copied' ? 'Copied' : 'Copy link'}
        </button>
      </div>
      <p class="hint" role="status">${outcome === 'by_hand' ? BY_HAND : nothing}</p>
      <span class="visually-hidden" role="status">${outcome === 'copied' ? 'Link copied' : nothing}</span>`;
  }

  async #copy(): Promise<void> {
    clearTimeout(this.#timer);
    this.outcome = (await copyText(this.url, this.field)) ? 'copied' : 'by_hand';
    if (this.outcome === 'copied') this.#timer = setTimeout(() => (this.outcome = undefined), COPIED_MS);
  }
}

/** What is left to do for the person, with the link selected. */
const BY_HAND = `The browser does not let this page copy. The link is selected: press ${copyKeys()} to copy it.`;

declare global {
  interface HTMLElementTagNameMap {
    'ud-copy-link': CopyLink;
  }
}
