// The list of visible parties, searched as one types, and starting a party.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { Poll } from '../api/poll';
import { site } from '../browser/site';
import { Parties } from '../party/api';
import { PartyListing, type PartyListView } from '../party/listing';
import { handedOver, keepMembership } from '../party/memberships';
import { keepName, lastName } from '../party/own-name';
import type { CreateParty } from '../protocol/party';
import { strings } from '../strings';
import { fields } from '../ui/fields';
import { plusIcon, searchIcon } from '../ui/icons';
import '../ui/notice';
import type { CreateDialog } from '../ui/party/create-dialog';
import '../ui/party/create-dialog';
import '../ui/party/party-card';
import { Login } from '../ui/people/login';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { surfaces } from '../ui/surfaces';

const texts = strings.parties;
/** How often the list is refreshed while the page is visible. */
const REFRESH_MS = 5_000;

@customElement('ud-parties-page')
export class PartiesPage extends LitElement {
  @state() private view: PartyListView | undefined;
  @state() private q = '';
  @query('ud-party-create') declare private dialog: CreateDialog;
  readonly #parties = new Parties();
  readonly #login = new Login(this);
  readonly #listing = new PartyListing({ parties: this.#parties, changed: (view) => (this.view = view) });
  #poll: Poll | undefined;

  static override styles = [
    base,
    buttons,
    fields,
    surfaces,
    css`
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 12px 24px;
        margin: clamp(8px, 3vw, 28px) 0 20px;
      }
      .head > div {
        flex: 1 1 16rem;
      }
      h1 {
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
      .head p {
        margin-top: 4px;
        color: var(--ud-muted);
      }
      .search {
        position: relative;
        margin-bottom: 22px;
      }
      .search svg {
        position: absolute;
        left: 14px;
        top: 13px;
        width: 20px;
        color: var(--ud-muted);
        pointer-events: none;
      }
      .search input {
        padding-left: 42px;
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr));
        gap: 20px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      ud-notice {
        margin-bottom: 20px;
      }
      .bone {
        height: 232px;
        border-radius: var(--ud-radius-large);
      }
      .more {
        display: grid;
        justify-content: center;
        margin-top: 28px;
      }
      .title {
        font-size: var(--ud-text-l);
        font-weight: 700;
      }
      @media (max-width: 480px) {
        .head .button {
          flex: 1;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#poll = new Poll(REFRESH_MS, () => this.#listing.refresh());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
    this.#listing.close();
  }

  override firstUpdated(): void {
    if (location.hash === '#start') this.dialog.show();
  }

  override render(): TemplateResult {
    return html`<ud-shell current="parties">
      ${this.#login.menu()}
      <div class="head">
        <div>
          <h1>${texts.heading}</h1>
          <p>${texts.advice}</p>
        </div>
        <button class="button primary" type="button" @click=${() => this.dialog.show()}>
          ${plusIcon} ${texts.start}
        </button>
      </div>
      <div class="search">
        ${searchIcon}
        <input
          type="search"
          aria-label=${texts.search.label}
          placeholder=${texts.search.placeholder}
          maxlength="100"
          autocomplete="off"
          .value=${this.q}
          @input=${(event: Event) => this.#ask((event.target as HTMLInputElement).value)}
        />
      </div>
      ${
        this.view?.error === undefined
          ? nothing
          : html`<ud-notice kind="error" .heading=${texts.unreachable} .advice=${texts.unreachableAdvice}>
              <button class="button small" type="button" @click=${() => void this.#listing.ask(this.q)}>
                ${texts.tryAgain}
              </button>
            </ud-notice>`
      }
      ${this.#content()}
      <ud-party-create
        .create=${(party: CreateParty) => this.#create(party)}
        .account=${this.#login.account?.name}
        name=${lastName()}
      ></ud-party-create>
    </ud-shell>`;
  }

  #content(): TemplateResult | typeof nothing {
    const { view } = this;
    if (view?.parties === undefined) {
      if (view?.error !== undefined) return nothing;
      return html`<ul aria-busy="true" aria-label=${texts.loading}>
        ${[1, 2, 3].map(() => html`<li class="bone"></li>`)}
      </ul>`;
    }
    if (view.parties.length === 0) return this.#empty();
    return html`<ul aria-busy=${view.isAsking ? 'true' : 'false'}>
        ${repeat(
          view.parties,
          ({ party_id }) => party_id,
          (party) => html`<li><ud-party-card .party=${party}></ud-party-card></li>`,
        )}
      </ul>
      ${
        view.hasMore
          ? html`<div class="more">
              <button class="button" type="button" ?disabled=${view.isAsking} @click=${() => this.#listing.more()}>
                ${texts.more}
              </button>
            </div>`
          : nothing
      }`;
  }

  #empty(): TemplateResult {
    const isSearch = this.q.trim() !== '';
    return html`<div class="empty">
      <div class="title" role="heading" aria-level="2">${isSearch ? texts.nothingFound : texts.empty}</div>
      <p>${isSearch ? texts.nothingFoundAdvice : texts.emptyAdvice}</p>
    </div>`;
  }

  #ask(q: string): void {
    this.q = q;
    void this.#listing.ask(q, true);
  }

  async #create(party: CreateParty): Promise<void> {
    const { party_id, member } = await this.#parties.create(party);
    keepMembership(party_id, member);
    if (this.#login.me?.account === null) keepName(party.name);
    location.assign(site(`/party/${party_id}`) + handedOver(party_id, member));
  }
}
