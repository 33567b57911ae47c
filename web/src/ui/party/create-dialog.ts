// <ud-party-create .create account>: a dialog that starts a party: title, the person's name, who decides, who may join.
// `show()` opens it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { MAX_NAME_CHARS, type CreateParty } from '../../protocol/party';
import { MAX_TITLE_CHARS, cleanTitle } from '../../protocol/title';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { fields, textField } from '../fields';
import { Submission } from '../people/submission';
import { base, buttons } from '../styles';
import { dialogHead } from './dialog-head';
import { accessChoice, policyChoice } from './choices';
import { refusal } from './refusals';
import { sheets } from './sheets';

const texts = strings.parties.create;

@customElement('ud-party-create')
export class CreateDialog extends LitElement {
  /** Starts the party; throws a CallError if the server refuses. */
  @property({ attribute: false }) declare create: (party: CreateParty) => Promise<void>;
  /** The name of the signed-in account. */
  @property() account: string | undefined;
  /** The person's last name in a party. */
  @property() name = '';
  @state() private party: Pick<CreateParty, 'title' | 'policy' | 'access'> = {
    title: '',
    policy: 'host',
    access: 'unlisted',
  };
  @state() private wrong: 'title' | 'name' | undefined;
  @query('dialog') declare private dialog: HTMLDialogElement;
  readonly #submission = new Submission(this);

  static override styles = [
    base,
    buttons,
    fields,
    dialogs,
    sheets,
    css`
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-4);
      }
    `,
  ];

  show(): void {
    this.wrong = undefined;
    this.#submission.clear();
    this.dialog.showModal();
  }

  override render(): TemplateResult {
    const { busy, problem } = this.#submission;
    const { title, policy, access } = this.party;
    return html`<dialog aria-labelledby="heading">
      ${dialogHead(texts.heading, strings.cancel, () => this.dialog.close())}
      <div class="content">
        <form @submit=${this.#submit} novalidate>
          ${textField({
            id: 'title',
            label: texts.title,
            value: title,
            placeholder: texts.titlePlaceholder,
            maxLength: MAX_TITLE_CHARS,
            error: this.wrong === 'title' ? texts.titleNeeded : '',
            changed: (value) => this.#change({ title: value }),
          })}
          ${
            this.account === undefined
              ? textField({
                  id: 'name',
                  label: texts.name,
                  value: this.name,
                  maxLength: MAX_NAME_CHARS,
                  autocomplete: 'nickname',
                  error: this.wrong === 'name' ? texts.nameNeeded : '',
                  changed: (value) => (this.name = value),
                })
              : nothing
          }
          ${policyChoice(policy, (chosen) => this.#change({ policy: chosen }))}
          ${accessChoice(access, (chosen) => this.#change({ access: chosen }))}
          ${problem === '' ? nothing : html`<p class="error" role="alert">${problem}</p>`}
          <button class="button primary big" ?disabled=${busy}>${busy ? texts.busy : texts.submit}</button>
        </form>
      </div>
    </dialog>`;
  }

  #change(change: Partial<CreateDialog['party']>): void {
    this.party = { ...this.party, ...change };
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = this.account ?? cleanTitle(this.name);
    const title = cleanTitle(this.party.title);
    this.wrong = title === undefined ? 'title' : name === undefined ? 'name' : undefined;
    if (title === undefined || name === undefined) {
      this.renderRoot.querySelector<HTMLElement>(`#${this.wrong ?? 'title'}`)?.focus();
      return;
    }
    void this.#submission.run(() => this.create({ ...this.party, title, name }), refusal);
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-create': CreateDialog;
  }
}
