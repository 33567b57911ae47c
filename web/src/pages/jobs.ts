// The page /jobs: operators see jobs and workers. Others are asked to sign in.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { People } from '../api/people';
import { site } from '../browser/site';
import { Jobs } from '../jobs/api';
import { refusalText } from '../people/problems';
import type { Me } from '../protocol/account';
import { strings } from '../strings';
import '../ui/jobs/jobs-overview';
import '../ui/notice';
import '../ui/people/account-menu';
import '../ui/progress';
import '../ui/shell';
import { base, buttons } from '../ui/styles';

const texts = strings.jobs;

@customElement('ud-jobs-page')
export class JobsPage extends LitElement {
  @state() private me: Me | undefined;
  /** Why it is not known who is signed in. */
  @state() private problem = '';
  readonly #people = new People();
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

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#look();
  }

  override render(): TemplateResult {
    return html`<ud-shell>
      <ud-account-menu
        slot="account"
        .account=${this.me?.account ?? null}
        .people=${this.#people}
        @signed-out=${() => void this.#look()}
      ></ud-account-menu>
      <div class="head">
        <h1>${texts.heading}</h1>
        <p>${texts.advice}</p>
      </div>
      ${this.#content()}
    </ud-shell>`;
  }

  #content(): TemplateResult | typeof nothing {
    if (this.problem !== '') {
      return html`<ud-notice kind="error" heading=${this.problem}>
        <button class="button small" type="button" @click=${() => void this.#look()}>${texts.page.tryAgain}</button>
      </ud-notice>`;
    }
    const { me } = this;
    if (me === undefined) return html`<ud-progress label=${texts.page.loading}></ud-progress>`;
    if (me.account?.role === 'operator') {
      return html`<ud-jobs-overview .jobs=${this.#jobs} @session-over=${() => void this.#look()}></ud-jobs-overview>`;
    }
    return html`<ud-notice kind="info" .heading=${texts.signIn}>
      <a class="button small" href=${site('/admin')}>${texts.signInAction}</a>
    </ud-notice>`;
  }

  async #look(): Promise<void> {
    this.problem = '';
    try {
      this.me = await this.#people.me();
    } catch (error) {
      this.me = undefined;
      this.problem = refusalText(error);
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-jobs-page': JobsPage;
  }
}
