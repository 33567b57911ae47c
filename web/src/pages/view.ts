// The list of what is live now.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import '../ui/shell';
import '../ui/stream-list';
import { base } from '../ui/styles';

@customElement('ud-view-page')
export class ViewPage extends LitElement {
  static override styles = [
    base,
    css`
      h1 {
        margin: clamp(12px, 3vw, 32px) 0 24px;
        font-size: clamp(1.875rem, 4.5vw, 2.625rem);
        letter-spacing: -0.035em;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ud-shell current="view">
      <h1>Live now</h1>
      <ud-stream-list></ud-stream-list>
    </ud-shell>`;
  }
}
