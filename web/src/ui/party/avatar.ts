// <ud-avatar name hue label?>: a member as a coloured disc with the first letter of the name. Decorative: the name
// stands beside it, or in `label`.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

@customElement('ud-avatar')
export class Avatar extends LitElement {
  @property() name = '';
  @property({ type: Number }) hue = 0;
  /** The accessible name, if no name stands beside it. */
  @property() label = '';

  static override styles = css`
    :host {
      display: inline-grid;
      flex: none;
      place-items: center;
      width: var(--size, 32px);
      height: var(--size, 32px);
      border-radius: 50%;
      background: linear-gradient(145deg, oklch(0.56 0.15 var(--hue)), oklch(0.44 0.14 calc(var(--hue) + 40)));
      color: #fff;
      font-size: calc(var(--size, 32px) * 0.44);
      font-weight: 700;
      line-height: 1;
      user-select: none;
    }
  `;

  override updated(changed: PropertyValues<this>): void {
    // The pages' content security policy forbids style attributes, but scripts may set styles.
    if (changed.has('hue')) this.style.setProperty('--hue', String(this.hue));
  }

  override render(): TemplateResult {
    const isNamed = this.label !== '';
    return html`<span
      role=${isNamed ? 'img' : nothing}
      aria-label=${isNamed ? this.label : nothing}
      aria-hidden=${isNamed ? nothing : 'true'}
      title=${isNamed ? this.label : nothing}
      >${initial(this.name)}</span
    >`;
  }
}

/** The first letter as displayed (a grapheme). */
function initial(name: string): string {
  for (const { segment } of new Intl.Segmenter().segment(name.trim())) return segment.toUpperCase();
  return '';
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-avatar': Avatar;
  }
}
