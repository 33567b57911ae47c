// <ud-art seed .poster video plain>: the picture of an entry or a party. Without one, it shows colours derived from
// `seed` (a digest or an id), so that the same song looks the same everywhere. Fills its box.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { filmIcon, noteIcon } from '../icons';
import { hueOf } from './hues';

@customElement('ud-art')
export class Art extends LitElement {
  /** Hex digits. */
  @property() seed = '';
  @property({ attribute: false }) poster: string | undefined;
  @property({ type: Boolean }) video = false;
  /** Without a symbol, because something else is placed on it. */
  @property({ type: Boolean }) plain = false;

  static override styles = css`
    :host {
      position: relative;
      display: block;
      overflow: hidden;
      border-radius: var(--ud-radius-small);
      background:
        radial-gradient(at 18% 12%, oklch(0.74 0.16 var(--hue)), transparent 58%),
        radial-gradient(at 92% 24%, oklch(0.6 0.19 calc(var(--hue) + 55)), transparent 62%),
        radial-gradient(at 60% 110%, oklch(0.48 0.17 calc(var(--hue) - 50)), transparent 66%),
        oklch(0.34 0.09 calc(var(--hue) + 10));
    }
    img {
      position: absolute;
      inset: 0;
      width: 100%;
      height: 100%;
      object-fit: cover;
    }
    svg {
      position: absolute;
      inset: 0;
      width: min(44%, 84px);
      height: 100%;
      margin: auto;
      color: #fff;
      opacity: 0.85;
    }
  `;

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('seed')) this.style.setProperty('--hue', String(hueOf(this.seed)));
  }

  override render(): TemplateResult | typeof nothing {
    if (this.poster !== undefined) return html`<img src=${this.poster} alt="" decoding="async" />`;
    if (this.plain) return nothing;
    return this.video ? filmIcon : noteIcon;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-art': Art;
  }
}
