// The page for unknown addresses, served with status 404.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { site } from '../browser/site';
import { strings } from '../strings';
import { ghostPicture } from '../ui/logo';
import '../ui/shell';
import { base, buttons } from '../ui/styles';

@customElement('ud-not-found-page')
export class NotFoundPage extends LitElement {
  static override styles = [
    base,
    buttons,
    css`
      section {
        display: grid;
        justify-items: center;
        gap: var(--ud-space-3);
        margin: clamp(16px, 8vw, 96px) auto;
        text-align: center;
      }
      section > svg {
        width: 72px;
        color: var(--ud-accent);
        opacity: 0.6;
      }
      h1 {
        font-size: var(--ud-text-2xl);
      }
      p {
        max-width: 30rem;
        color: var(--ud-muted);
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 10px;
        margin-top: var(--ud-space-2);
      }
    `,
  ];

  override render(): TemplateResult {
    const { notFound } = strings;
    return html`<ud-shell>
      <section>
        ${ghostPicture}
        <h1>${notFound.heading}</h1>
        <p>${notFound.advice}</p>
        <div class="actions">
          <a class="button primary" href=${site('/')}>${notFound.home}</a>
          <a class="button" href=${site('/view')}>${notFound.live}</a>
        </div>
      </section>
    </ud-shell>`;
  }
}
