// <ud-passphrase value>: a passphrase, hidden until its owner reveals it.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import { base, buttons } from '../styles';

@customElement('ud-passphrase')
export class PassphraseElement extends LitElement {
  @property() value = '';
  @state() private shown = false;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: flex;
        align-items: center;
        justify-content: flex-end;
        gap: var(--ud-space-2);
        min-width: 0;
      }
      code {
        font-family: var(--ud-mono);
        overflow-wrap: anywhere;
        text-align: right;
      }
    `,
  ];

  override render(): TemplateResult {
    const { show, hide } = strings.live.onAir;
    return html`<code>${this.shown ? this.value : '••••••'}</code>
      <button class="button small" type="button" aria-pressed=${this.shown} @click=${() => (this.shown = !this.shown)}>
        ${this.shown ? hide : show}
      </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-passphrase': PassphraseElement;
  }
}
