// <ud-progress label .value text tone>: a progress or usage bar, 0 to 1; indeterminate without a value. `text` is read
// instead of a percentage. `tone` is the colour: ok, warn, bad.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { base } from './styles';

@customElement('ud-progress')
export class Progress extends LitElement {
  @property() label = '';
  @property({ attribute: false }) value: number | undefined;
  @property() text = '';
  @property({ reflect: true }) tone: 'ok' | 'warn' | 'bad' = 'ok';

  static override styles = [
    base,
    css`
      :host {
        display: block;
        min-width: 6rem;
      }
      progress {
        display: block;
        width: 100%;
        height: 6px;
        border: 0;
        border-radius: 3px;
        overflow: hidden;
        appearance: none;
        background: var(--ud-surface-2);
        color: var(--ud-accent);
      }
      :host([tone='warn']) progress {
        color: var(--ud-warn);
      }
      :host([tone='bad']) progress {
        color: var(--ud-live);
      }
      progress::-webkit-progress-bar {
        background: var(--ud-line);
      }
      progress::-webkit-progress-value {
        border-radius: 3px;
        background: currentColor;
        transition: inline-size var(--ud-calm);
      }
      progress::-moz-progress-bar {
        border-radius: 3px;
        background: currentColor;
      }
      progress:indeterminate {
        background: linear-gradient(90deg, var(--ud-line) 30%, currentColor 50%, var(--ud-line) 70%) 0 0 / 200% 100%;
        animation: sweep 1.6s linear infinite;
        animation-play-state: var(--ud-loops);
      }
      progress:indeterminate::-webkit-progress-bar {
        background: none;
      }
      .text {
        display: block;
        margin-bottom: 4px;
        font-size: var(--ud-text-s);
        font-variant-numeric: tabular-nums;
      }
      @keyframes sweep {
        from {
          background-position: 200% 0;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { value, text } = this;
    return html`${text === '' ? nothing : html`<span class="text" aria-hidden="true">${text}</span>`}
      <progress
        max="1"
        value=${value === undefined ? nothing : Math.min(1, Math.max(0, value))}
        aria-label=${this.label}
        aria-valuetext=${text || nothing}
      ></progress>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-progress': Progress;
  }
}
