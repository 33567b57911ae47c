// The page /jobs: jobs and workers for operators. Everyone else is asked to sign in.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { site } from '../browser/site';
import { Jobs } from '../jobs/api';
import { strings } from '../strings';
import '../ui/jobs/jobs-overview';
import '../ui/notice';
import { Login } from '../ui/people/login';
import '../ui/progress';
import '../ui/shell';
import { base, buttons } from '../ui/styles';

const texts = strings.jobs;

@customElement('ud-jobs-page')
export class JobsPage extends LitElement {
  readonly #login = new Login(this);
  readonly #jobs = new Jobs();

  static override styles = [
    base,
    buttons,
    css`
      .head {
        margin: clamp(8px, 3vw, 28px) 0 20px;
      }
      h1 {
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
      .head p {
        margin-top: 4px;
        color: var(--ud-muted);
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<ud-shell>
      ${this.#login.menu()}
      <div class="head">
        <h1>${texts.heading}</h1>
        <p>${texts.advice}</p>
      </div>
      ${this.#content()}
    </ud-shell>`;
  }

  #content(): TemplateResult {
    const { me, problem } = this.#login;
    const look = (): void => void this.#login.look();
    if (problem !== '') {
      return html`<ud-notice kind="error" heading=${problem}>
        <button class="button small" type="button" @click=${look}>${texts.page.tryAgain}</button>
      </ud-notice>`;
    }
    if (me === undefined) return html`<ud-progress label=${texts.page.loading}></ud-progress>`;
    if (me.account?.role === 'operator') {
      return html`<ud-jobs-overview .jobs=${this.#jobs} @session-over=${look}></ud-jobs-overview>`;
    }
    return html`<ud-notice kind="info" .heading=${texts.signIn}>
      <a class="button small" href=${site('/admin')}>${texts.signInAction}</a>
    </ud-notice>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-jobs-page': JobsPage;
  }
}
