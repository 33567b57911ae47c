// The page /admin: operators sign in and see operations, broadcasters their stream keys. With #setup=TOKEN, from the
// link that the main server printed, it creates the first operator.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { MainServer } from '../api/client';
import { People } from '../api/people';
import { takeFromFragment } from '../browser/fragment';
import type { Me } from '../protocol/account';
import { strings } from '../strings';
import '../ui/admin/operations';
import '../ui/notice';
import { Login } from '../ui/people/login';
import '../ui/people/setup-form';
import '../ui/people/sign-in';
import '../ui/people/stream-keys';
import '../ui/progress';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { surfaces } from '../ui/surfaces';

const texts = strings.people;

@customElement('ud-admin-page')
export class AdminPage extends LitElement {
  /** The session ended while the page was in use. */
  @state() private sessionOver = false;
  @state() private setupToken: string | undefined;
  readonly #server = new MainServer();
  readonly #people = new People(this.#server);
  readonly #login = new Login(this, { people: this.#people });

  static override styles = [
    base,
    buttons,
    surfaces,
    css`
      h1 {
        margin: clamp(4px, 2vw, 24px) 0 var(--ud-space-4);
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
      .signing {
        max-width: 440px;
        margin: clamp(8px, 5vw, 64px) auto;
      }
      .signing h1 {
        margin: 0 0 var(--ud-space-1);
        font-size: var(--ud-text-xl);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#takeToken();
    // The link of another set-up may be opened in the same tab.
    addEventListener('hashchange', this.#takeToken);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('hashchange', this.#takeToken);
  }

  override render(): TemplateResult {
    return html`<ud-shell>
      ${this.#login.menu()}
      <div @session-over=${this.#lost}>${this.#view()}</div>
    </ud-shell>`;
  }

  #view(): TemplateResult {
    if (this.setupToken !== undefined) return this.#setup(this.setupToken);
    const { me } = this.#login;
    if (me === undefined) return this.#unknown();
    if (me.account === null) return this.#signIn(me);
    if (me.account.role === 'operator') {
      return html`<h1>${strings.admin.heading}</h1>
        <ud-operations .server=${this.#server} .people=${this.#people} own=${me.account.name}></ud-operations>`;
    }
    return html`<h1>${texts.keys.tab}</h1>
      <ud-stream-keys .people=${this.#people}></ud-stream-keys>`;
  }

  #unknown(): TemplateResult {
    const { problem } = this.#login;
    if (problem === '') return html`<ud-progress label=${strings.admin.loading}></ud-progress>`;
    return html`<ud-notice kind="error" heading=${problem}>
      <button class="button" type="button" @click=${() => void this.#login.look()}>${strings.admin.tryAgain}</button>
    </ud-notice>`;
  }

  #setup(token: string): TemplateResult {
    return html`<section class="card signing">
      <div>
        <h1>${texts.setup.heading}</h1>
        <p class="hint">${texts.setup.advice}</p>
      </div>
      <ud-setup-form
        .create=${(name: string, password: string) => this.#people.setUp(token, name, password)}
        @signed-in=${this.#enter}
      ></ud-setup-form>
    </section>`;
  }

  #signIn({ setup_needed }: Me): TemplateResult {
    const { heading, advice, ended } = texts.signIn;
    const { needed, neededAdvice } = texts.setup;
    const notice = html`<ud-notice kind="info" heading=${needed} advice=${neededAdvice}></ud-notice>`;
    const form = html`<ud-sign-in
      .enter=${(name: string, password: string) => this.#people.signIn(name, password)}
      @signed-in=${this.#enter}
    ></ud-sign-in>`;
    return html`<section class="card signing">
      <div>
        <h1>${heading}</h1>
        <p class="hint" role=${this.sessionOver ? 'status' : nothing}>${this.sessionOver ? ended : advice}</p>
      </div>
      ${setup_needed ? notice : form}
    </section>`;
  }

  readonly #takeToken = (): void => {
    this.setupToken = takeFromFragment('setup') ?? this.setupToken;
  };

  readonly #enter = (): void => {
    Object.assign(this, { setupToken: undefined, sessionOver: false });
    void this.#login.look();
  };

  readonly #lost = (): void => {
    this.sessionOver = true;
    void this.#login.look();
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-admin-page': AdminPage;
  }
}
