// <ud-account-table .accounts own>: the accounts with buttons for actions; cards on phones. Sends `account-action` with
// the account and the action.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { serverTime } from '../../api/server-time';
import type { AccountInfo } from '../../protocol/account';
import { strings } from '../../strings';
import { badges } from '../badges';
import { ago } from '../format';
import { moreIcon } from '../icons';
import type { PickEvent } from '../menu';
import '../menu';
import { base } from '../styles';
import { table, tables } from '../table';

const texts = strings.people.accounts;

/** An action on an account. */
export type AccountAction = 'role' | 'password' | 'remove';

/** The operator chose an action on an account. */
export class AccountActionEvent extends Event {
  constructor(
    readonly account: AccountInfo,
    readonly action: AccountAction,
  ) {
    super('account-action');
  }
}

@customElement('ud-account-table')
export class AccountTable extends LitElement {
  @property({ attribute: false }) accounts: readonly AccountInfo[] = [];
  /** The name of the operator's own account. */
  @property() own = '';

  static override styles = [
    base,
    badges,
    tables,
    css`
      ud-menu svg {
        width: 20px;
        height: 20px;
      }
      .badge {
        margin-left: var(--ud-space-2);
      }
    `,
  ];

  override render(): TemplateResult {
    return table({
      columns: [texts.account, texts.role, texts.made],
      actions: texts.action,
      rows: this.accounts,
      key: ({ name }) => name,
      row: (account) => this.#row(account),
    });
  }

  #row(account: AccountInfo): TemplateResult {
    const { name, role, created_at_ms } = account;
    const you = html`<span class="badge">${texts.you}</span>`;
    return html`<tr role="row">
      <th scope="row" role="rowheader"><span>${name} ${name === this.own ? you : ''}</span></th>
      <td role="cell" data-label=${texts.role}>${strings.people.roles[role]}</td>
      <td role="cell" data-label=${texts.made}>${ago(serverTime.nowMs() - created_at_ms)}</td>
      <td role="cell" class="end" data-label=${texts.action}>
        <ud-menu
          .label=${texts.actions(name)}
          .items=${[
            { id: 'role', label: role === 'operator' ? texts.makeBroadcaster : texts.makeOperator },
            { id: 'password', label: texts.resetPassword },
            { id: 'remove', label: texts.remove },
          ]}
          @pick=${({ id }: PickEvent) => this.dispatchEvent(new AccountActionEvent(account, id as AccountAction))}
          >${moreIcon}</ud-menu
        >
      </td>
    </tr>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-account-table': AccountTable;
  }
}
