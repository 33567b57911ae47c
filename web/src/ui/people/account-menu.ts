// <ud-account-menu .account .people keys?>: the signed-in account and its actions: change the password, sign out here
// or everywhere; with `keys` a link to the stream keys, for operators links to their pages. Sends `signed-out`. For the
// header's slot `account`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { People } from '../../api/people';
import { site } from '../../browser/site';
import { Kept } from '../../library/kept/kept';
import { refusalText } from '../../people/problems';
import type { Me } from '../../protocol/account';
import { strings } from '../../strings';
import { accountIcon } from '../icons';
import type { MenuItem, PickEvent } from '../menu';
import '../menu';
import { base } from '../styles';
import { toast } from '../toasts';
import type { PasswordDialog } from './password-dialog';
import './password-dialog';

const texts = strings.people.account;

@customElement('ud-account-menu')
export class AccountMenu extends LitElement {
  @property({ attribute: false }) account: Me['account'] = null;
  @property({ attribute: false }) declare people: Pick<People, 'signOut' | 'changeOwnPassword'>;
  /** The address of the page with the account's stream keys, if it is not this one. */
  @property() keys = '';
  @query('ud-password-dialog') declare private passwords: PasswordDialog;

  static override styles = [
    base,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        min-width: 0;
      }
      .name {
        max-width: 12rem;
        overflow: hidden;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      svg {
        width: 20px;
        height: 20px;
      }
      @media (max-width: 640px) {
        .name {
          display: none;
        }
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    if (this.account === null) return nothing;
    const { name } = this.account;
    return html`<span class="name" aria-hidden="true">${name}</span>
      <ud-menu .label=${texts.of(name)} .items=${this.#items()} @pick=${this.#picked}>${accountIcon}</ud-menu>
      <ud-password-dialog></ud-password-dialog>`;
  }

  #items(): MenuItem[] {
    const keys = { id: 'keys', label: texts.keys, group: 'keys' };
    const operator = [
      { id: 'operations', label: strings.admin.heading, group: 'operator' },
      { id: 'jobs', label: strings.jobs.heading, group: 'operator' },
    ];
    return [
      ...(this.account?.role === 'operator' ? operator : []),
      ...(this.keys === '' ? [] : [keys]),
      { id: 'password', label: texts.changePassword },
      { id: 'here', label: texts.signOut },
      { id: 'everywhere', label: texts.signOutEverywhere },
    ];
  }

  readonly #picked = ({ id }: PickEvent): void => {
    if (id === 'keys') location.assign(this.keys);
    else if (id === 'operations') location.assign(site('/admin'));
    else if (id === 'jobs') location.assign(site('/jobs'));
    else if (id === 'password') {
      this.passwords.ask({ save: (old, password) => this.people.changeOwnPassword(old, password) });
    } else void this.#signOut(id === 'everywhere');
  };

  async #signOut(everywhere: boolean): Promise<void> {
    try {
      await this.people.signOut(everywhere);
    } catch (error) {
      toast(refusalText(error), 'error');
      return;
    }
    toast(everywhere ? texts.signedOutEverywhere : texts.signedOut);
    this.dispatchEvent(new Event('signed-out'));
    // Removes stored private items, so that the next person at this browser does not see them.
    void Kept.joined().isFor(null);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-account-menu': AccountMenu;
  }
}
