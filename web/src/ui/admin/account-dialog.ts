// <ud-account-dialog .create>: a modal dialog that asks for the name, first password and role of a new account. `ask()`
// opens it. Sends `added` with the account's name after `create` succeeded.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { Role } from '../../protocol/account';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { fields } from '../fields';
import { nameField, passwordField } from '../people/credential-fields';
import { Submission } from '../people/submission';
import { base, buttons } from '../styles';

const texts = strings.people.accounts;
const ROLES: readonly Role[] = ['broadcaster', 'operator'];

/** An account was added. */
export class AddedEvent extends Event {
  constructor(readonly name: string) {
    super('added');
  }
}

@customElement('ud-account-dialog')
export class AccountDialog extends LitElement {
  @property({ attribute: false }) declare create: (name: string, password: string, role: Role) => Promise<void>;
  @state() private name = '';
  @state() private password = '';
  @state() private chosen: Role = 'broadcaster';
  @query('dialog') declare private dialog: HTMLDialogElement;
  readonly #submission = new Submission(this);

  static override styles = [
    base,
    buttons,
    fields,
    dialogs,
    css`
      :host {
        display: contents;
      }
    `,
  ];

  ask(): void {
    Object.assign(this, { name: '', password: '', chosen: 'broadcaster' });
    this.#submission.clear();
    this.dialog.showModal();
  }

  override render(): TemplateResult {
    const { busy, problem } = this.#submission;
    return html`<dialog aria-labelledby="heading">
      <form @submit=${this.#submit}>
        <h2 id="heading">${texts.add}</h2>
        ${nameField(true, { value: this.name, changed: (value) => (this.name = value) })}
        ${passwordField(true, { value: this.password, error: problem, changed: (value) => (this.password = value) })}
        <fieldset>
          <legend>${texts.role}</legend>
          <div class="choices">${ROLES.map((role) => this.#role(role))}</div>
        </fieldset>
        <div class="actions">
          <button class="button" type="button" @click=${() => this.dialog.close()}>${strings.cancel}</button>
          <button class="button primary" ?disabled=${busy}>${texts.add}</button>
        </div>
      </form>
    </dialog>`;
  }

  #role(role: Role): TemplateResult {
    return html`<label>
      <input type="radio" name="role" .checked=${role === this.chosen} @change=${() => (this.chosen = role)} />
      <span>
        <strong>${strings.people.roles[role]}</strong>
        <span class="hint">${strings.people.roleAdvice[role]}</span>
      </span>
    </label>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#create();
  };

  async #create(): Promise<void> {
    const name = this.name.trim();
    if (!(await this.#submission.run(() => this.create(name, this.password, this.chosen)))) return;
    this.dialog.close();
    this.dispatchEvent(new AddedEvent(name));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-account-dialog': AccountDialog;
  }
}
