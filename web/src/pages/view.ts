// The list of live streams.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { strings } from '../strings';
import '../ui/shell';
import '../ui/stream-list';
import { base } from '../ui/styles';

@customElement('ud-view-page')
export class ViewPage extends LitElement {
  static override styles = [
    base,
    css`
      h1 {
        margin: clamp(8px, 3vw, 32px) 0 24px;
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ud-shell current="view">
      <h1>${strings.streams.heading}</h1>
      <ud-stream-list level="2"></ud-stream-list>
    </ud-shell>`;
  }
}
