// <ud-accounts .people own>: lists, adds, changes and removes the accounts of this server.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { People } from '../../api/people';
import type { AccountInfo } from '../../protocol/account';
import { strings } from '../../strings';
import { Asking } from '../asking';
import '../notice';
import { Loading } from '../people/loading';
import type { PasswordDialog } from '../people/password-dialog';
import '../people/password-dialog';
import '../progress';
import { base, buttons } from '../styles';
import { toast } from '../toasts';
import type { AccountDialog, AddedEvent } from './account-dialog';
import './account-dialog';
import type { AccountActionEvent } from './account-table';
import './account-table';

const texts = strings.people.accounts;

@customElement('ud-accounts')
export class Accounts extends LitElement {
  @property({ attribute: false }) declare people: Pick<
    People,
    'accounts' | 'addAccount' | 'changeAccount' | 'removeAccount'
  >;
  /** The name of the operator's own account. */
  @property() own = '';
  @query('ud-account-dialog') declare private adding: AccountDialog;
  @query('ud-password-dialog') declare private passwords: PasswordDialog;
  readonly #accounts = new Loading(this, () => this.people.accounts());
  readonly #asking = new Asking(this, () => this.#accounts.load());

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        justify-items: start;
        gap: var(--ud-space-4);
      }
      ud-account-table,
      ud-progress,
      ud-notice {
        width: 100%;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<button class="button" type="button" @click=${() => this.adding.ask()}>${texts.add}</button>
      ${this.#list()}
      <ud-account-dialog
        .create=${this.#create}
        @added=${({ name }: AddedEvent) => this.#added(name)}
      ></ud-account-dialog>
      <ud-password-dialog></ud-password-dialog>
      ${this.#asking.dialog()}`;
  }

  #list(): TemplateResult {
    const { value: accounts, problem } = this.#accounts;
    if (problem !== '') return html`<ud-notice kind="warn" heading=${problem}></ud-notice>`;
    if (accounts === undefined) return html`<ud-progress label=${strings.admin.loading}></ud-progress>`;
    return html`<ud-account-table
      .accounts=${accounts}
      own=${this.own}
      @account-action=${(event: AccountActionEvent) => this.#act(event)}
    ></ud-account-table>`;
  }

  readonly #create: AccountDialog['create'] = (name, password, role) => this.people.addAccount(name, password, role);

  #added(name: string): void {
    toast(texts.added(name));
    void this.#accounts.load();
  }

  #act({ account, action }: AccountActionEvent): void {
    if (action === 'role') this.#changeRole(account);
    else if (action === 'remove') this.#remove(account);
    else {
      const { name } = account;
      this.passwords.ask({ of: name, save: (_old, password) => this.people.changeAccount(name, { password }) });
    }
  }

  #changeRole({ name, role: old }: AccountInfo): void {
    const role = old === 'operator' ? 'broadcaster' : 'operator';
    this.#asking.ask({
      heading: texts.changeHeading[role](name),
      advice: texts.changeAdvice[role],
      action: role === 'operator' ? texts.makeOperator : texts.makeBroadcaster,
      done: texts.changed(name),
      act: () => this.people.changeAccount(name, { role }),
    });
  }

  #remove({ name }: AccountInfo): void {
    this.#asking.ask({
      heading: texts.removeHeading(name),
      advice: texts.removeAdvice,
      action: texts.remove,
      done: texts.removed(name),
      act: () => this.people.removeAccount(name),
    });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-accounts': Accounts;
  }
}
