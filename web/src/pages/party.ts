// One party, /party/{party_id}: joining it, the room, and what is shown when it has ended or this person may not see
// it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { sitePath } from '../browser/site';
import { tabMemory } from '../browser/storage';
import { keepName, lastName } from '../party/own-name';
import { takeMembership } from '../party/memberships';
import { PartyClient } from '../party/party-client';
import type { SessionView } from '../party/session';
import type { PartyId } from '../protocol/party';
import { strings } from '../strings';
import '../ui/notice';
import '../ui/party/join-form';
import '../ui/party/outcome';
import '../ui/party/room';
import { Login } from '../ui/people/login';
import '../ui/people/sign-in';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { surfaces } from '../ui/surfaces';
import { Invited } from '../watch/invited';

const texts = strings.parties;
const partyId = idOf(sitePath(location.pathname));
const link = location.origin + location.pathname;

@customElement('ud-party-page')
export class PartyPage extends LitElement {
  @state() private view: SessionView;
  readonly #session = new PartyClient(partyId);
  readonly #invited = new Invited(partyId, tabMemory);
  readonly #login = new Login(this);
  #forget: (() => void) | undefined;

  static override styles = [
    base,
    buttons,
    surfaces,
    css`
      .bone.stage {
        height: 300px;
        margin-top: 24px;
        border-radius: var(--ud-radius-large);
      }
      .bone.rest {
        height: 180px;
        margin-top: 16px;
        border-radius: var(--ud-radius-large);
      }
    `,
  ];

  constructor() {
    super();
    takeMembership(partyId);
    this.view = this.#session.view;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#forget = this.#session.onChange((view) => this.#changed(view));
    this.#session.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#forget?.();
    this.#session.close();
  }

  override render(): TemplateResult {
    return html`<ud-shell current="parties" compact> ${this.#login.menu()} ${this.#content()} </ud-shell>`;
  }

  #content(): TemplateResult {
    const { view } = this;
    switch (view.phase) {
      case 'opening':
        return view.problem === undefined ? skeleton : this.#unreachable();
      case 'onlooker':
        return this.#join();
      case 'refused':
        // The server tells nothing about private parties, not even whether they exist.
        return this.#invited.invitation === undefined ? this.#nowhere() : this.#join();
      case 'member':
        return view.state === undefined ? skeleton : this.#room();
      case 'ended':
        return html`<ud-party-outcome
          kind=${view.ended ?? 'ended'}
          ?may-return=${view.ended === 'left'}
          @ud-return=${() => this.#session.open()}
        ></ud-party-outcome>`;
    }
  }

  #room(): TemplateResult {
    return html`<ud-party-room
      .session=${this.#session}
      .view=${this.view}
      link=${link}
      ?operator=${this.#login.account?.role === 'operator'}
      ?may-upload=${this.#login.me?.may_upload === true}
    ></ud-party-room>`;
  }

  #join(): TemplateResult {
    return html`<ud-party-join
      .state=${this.view.state}
      .join=${(name: string) => this.#enter(name)}
      .account=${this.#login.account?.name}
      name=${lastName()}
    >
      ${this.#signIn('sign-in')}
    </ud-party-join>`;
  }

  #nowhere(): TemplateResult {
    const maySignIn = this.#login.me?.account === null;
    return html`<ud-party-outcome kind="nowhere" ?may-sign-in=${maySignIn}>
      ${maySignIn ? this.#signIn('') : nothing}
    </ud-party-outcome>`;
  }

  #signIn(slot: string): TemplateResult {
    return html`<ud-sign-in
      slot=${slot || nothing}
      .enter=${(name: string, password: string) => this.#login.people.signIn(name, password)}
      @signed-in=${() => void this.#signedIn()}
    ></ud-sign-in>`;
  }

  #unreachable(): TemplateResult {
    return html`<ud-notice kind="warn" .heading=${texts.unreachable} .advice=${texts.unreachableAdvice}>
      <button class="button small" type="button" @click=${() => this.#session.open()}>${texts.tryAgain}</button>
    </ud-notice>`;
  }

  /** Joins. The press on its button is the gesture that browsers require before a page plays. */
  async #enter(name: string): Promise<void> {
    this.#session.unlock();
    await this.#session.join(name, this.#invited.invitation);
    this.#invited.forget();
    if (this.#login.me?.account === null) keepName(name);
  }

  async #signedIn(): Promise<void> {
    await this.#login.look();
    this.#session.open();
  }

  #changed(view: SessionView): void {
    this.view = view;
    const { state: party } = view;
    const playing = party?.timeline.entry?.title;
    if (party === undefined || view.phase === 'refused') document.title = strings.pages.party.title;
    else
      document.title = strings.pageTitle(
        playing === undefined ? party.title : strings.party.titleBar(playing, party.title),
      );
  }
}

const skeleton = html`<div aria-busy="true" aria-label=${strings.party.loading} role="status">
  <div class="bone stage"></div>
  <div class="bone rest"></div>
</div>`;

/** The party in this path. */
function idOf(path: string): PartyId {
  return path.split('/')[2] ?? '';
}
