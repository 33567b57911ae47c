// <ud-notice kind="error|warn|info">: something that the person must know, and what to do about it. Actions go into the
// default slot.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { infoIcon, warnIcon } from './icons';
import { base } from './styles';

@customElement('ud-notice')
export class Notice extends LitElement {
  @property({ reflect: true }) kind: 'error' | 'warn' | 'info' = 'info';
  @property() heading = '';
  @property() advice = '';

  static override styles = [
    base,
    css`
      :host {
        display: flex;
        gap: 12px;
        padding: 14px 16px;
        border-radius: var(--ud-radius);
        color: var(--ud-text);
        background: var(--ud-accent-soft);
      }
      :host([kind='error']) {
        background: var(--ud-live-soft);
      }
      :host([kind='warn']) {
        background: var(--ud-warn-soft);
      }
      svg {
        flex: none;
        width: 22px;
        height: 22px;
        margin-top: 1px;
        color: var(--ud-accent);
      }
      :host([kind='error']) svg {
        color: var(--ud-live);
      }
      :host([kind='warn']) svg {
        color: var(--ud-warn);
      }
      .text {
        flex: 1;
        min-width: 0;
      }
      strong {
        display: block;
        font-weight: 650;
      }
      slot {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      ::slotted(*) {
        margin-top: 10px;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`${this.kind === 'info' ? infoIcon : warnIcon}
      <div class="text" role=${this.kind === 'error' ? 'alert' : 'status'}>
        <strong>${this.heading}</strong>
        <p>${this.advice}</p>
        <slot></slot>
      </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-notice': Notice;
  }
}
