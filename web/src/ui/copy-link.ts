// <ud-copy-link url>: a link to hand on, with a button that copies it.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { checkIcon, linkIcon } from './icons';
import { base, buttons } from './styles';

/** How long the button says that it worked. */
const COPIED_MS = 2_000;

@customElement('ud-copy-link')
export class CopyLink extends LitElement {
  @property() url = '';
  @state() private copied = false;
  @query('input') declare private field: HTMLInputElement;

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
    `,
  ];

  override render(): TemplateResult {
    return html`<div class="row">
      <input readonly aria-label="Link for viewers" .value=${this.url} @focus=${() => this.field.select()} />
      <button class="button primary" type="button" @click=${this.#copy}>
        ${this.copied ? checkIcon : linkIcon}<span aria-live="polite">${this.copied ? 'Copied' : 'Copy link'}</span>
      </button>
    </div>`;
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.url);
    } catch {
      // Without permission the person can still press the keys that copy.
      this.field.focus();
      return;
    }
    this.copied = true;
    setTimeout(() => (this.copied = false), COPIED_MS);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-copy-link': CopyLink;
  }
}
