// <ud-party-share .state .invitations .people link hosts>: a dialog to invite others to a party: its link, as text, QR
// code and e-mail; for a private party invitations, and the list of accounts. `show()` opens it. Sends
// `ud-party-action`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { PartyState } from '../../protocol/party';
import type { Invitations } from '../../publish/invitations';
import { strings } from '../../strings';
import '../copy-link';
import { dialogs } from '../dialogs';
import { mailIcon, shareIcon } from '../icons';
import type { InvitationEvent } from '../live/invitations';
import '../live/invitations';
import { base, buttons } from '../styles';
import { dialogHead } from './dialog-head';
import { ActionEvent } from './events';
import './people-list';
import type { PeopleEvent, PeopleSource } from './people-list';
import './qr-code';
import { sheets } from './sheets';

const texts = strings.party.invite;

@customElement('ud-party-share')
export class ShareDialog extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  /** The invitations, for a member who may invite. */
  @property({ attribute: false }) invitations: Invitations | undefined;
  @property({ attribute: false }) declare people: PeopleSource;
  /** The address of the party's page. */
  @property() link = '';
  /** Whether the person may invite. */
  @property({ type: Boolean }) hosts = false;
  /** The link of a new invitation, which is then shared. */
  @state() private newest: string | undefined;
  @state() private open = false;
  @query('dialog') declare private dialog: HTMLDialogElement;

  static override styles = [
    base,
    buttons,
    dialogs,
    sheets,
    css`
      .sent {
        display: grid;
        grid-template-columns: 168px minmax(0, 1fr);
        align-items: center;
        gap: 16px 20px;
      }
      .sent > div {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 12px;
      }
      ud-qr-code {
        border: 1px solid var(--ud-line);
      }
      .ways {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      section {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-3);
        padding-top: var(--ud-space-4);
        border-top: 1px solid var(--ud-line);
      }
      h3 {
        font-size: var(--ud-text-m);
      }
      .scan {
        text-align: center;
        font-size: var(--ud-text-xs);
      }
      .code {
        display: grid;
        gap: 6px;
      }
      @media (max-width: 480px) {
        .sent {
          grid-template-columns: minmax(0, 1fr);
          justify-items: center;
        }
        .sent > div {
          width: 100%;
        }
        .code {
          width: min(220px, 60vw) !important;
        }
        .ways .button {
          flex: 1;
        }
      }
    `,
  ];

  show(): void {
    this.open = true;
    this.newest = undefined;
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="heading" @close=${() => (this.open = false)}>
      ${this.open ? this.#content() : nothing}
    </dialog>`;
  }

  #content(): TemplateResult {
    const isPrivate = this.state.access === 'private';
    const mayInvite = this.hosts && this.invitations !== undefined;
    return html`${dialogHead(texts.heading, texts.close, () => this.dialog.close())}
      <div class="content">
        <p>${!isPrivate ? texts.publicAdvice : mayInvite ? texts.privateAdvice : texts.onlyHost}</p>
        ${this.#ways(this.newest ?? this.link)} ${isPrivate && mayInvite ? this.#few() : nothing}
      </div>`;
  }

  #ways(link: string): TemplateResult {
    const { title } = this.state;
    const mail = `mailto:?subject=${encodeURIComponent(texts.mailSubject(title))}&body=${encodeURIComponent(texts.mailText(title, link))}`;
    return html`<div class="sent">
      <div class="code">
        <ud-qr-code .text=${link} .label=${texts.qr}></ud-qr-code>
        <span class="hint scan" aria-hidden="true">${texts.scan}</span>
      </div>
      <div>
        ${this.newest === undefined ? nothing : html`<strong role="status">${texts.newest}</strong>`}
        <ud-copy-link primary what=${this.newest === undefined ? 'party' : 'invitation'} .url=${link}></ud-copy-link>
        <div class="ways">
          <a class="button small" href=${mail}>${mailIcon} ${texts.mail}</a>
          ${
            canShare()
              ? html`<button class="button small" type="button" @click=${() => void share(title, link)}>
                  ${shareIcon} ${texts.system}
                </button>`
              : nothing
          }
        </div>
      </div>
    </div>`;
  }

  #few(): TemplateResult {
    return html`<section aria-labelledby="links">
        <h3 id="links">${texts.links}</h3>
        <ud-invitations
          .invitations=${this.invitations}
          .words=${texts.invitations}
          @ud-invitation=${({ link }: InvitationEvent) => (this.newest = link)}
        ></ud-invitations>
      </section>
      <section aria-labelledby="people">
        <div>
          <h3 id="people">${texts.list}</h3>
          <p class="hint">${texts.listAdvice}</p>
        </div>
        <ud-people-list
          .names=${this.state.people ?? []}
          .people=${this.people}
          @ud-people=${({ names }: PeopleEvent) =>
            this.dispatchEvent(new ActionEvent({ command: 'set', people: [...names] }))}
        ></ud-people-list>
      </section>`;
  }
}

function canShare(): boolean {
  return 'share' in navigator;
}

async function share(title: string, url: string): Promise<void> {
  // Failures need no handling: the person closed the system's dialog, or sees that it has no targets.
  await navigator.share({ title, url }).catch(() => undefined);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-share': ShareDialog;
  }
}
