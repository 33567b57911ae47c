// <ud-password-dialog>: a modal dialog that asks for a new password, of the own account (together with the current one)
// or of another account. `ask()` opens it; it closes after `save` succeeded.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { refusalText } from '../../people/problems';
import { CallError } from '../../protocol/error';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { fields } from '../fields';
import { base, buttons } from '../styles';
import { toast } from '../toasts';
import { passwordField } from './credential-fields';
import { Submission } from './submission';

const texts = strings.people.passwords;

/** Whose password to change, and how. */
export interface PasswordQuestion {
  /** The other account's name; left out for the own account. */
  of?: string;
  /** `old` is empty for another account. */
  save: (old: string, password: string) => Promise<void>;
}

@customElement('ud-password-dialog')
export class PasswordDialog extends LitElement {
  @state() private question: PasswordQuestion | undefined;
  @state() private old = '';
  @state() private password = '';
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

  ask(question: PasswordQuestion): void {
    Object.assign(this, { question, old: '', password: '' });
    this.#submission.clear();
    this.dialog.showModal();
  }

  override render(): TemplateResult {
    const { of } = this.question ?? {};
    const { busy, problem } = this.#submission;
    return html`<dialog aria-labelledby="heading" aria-describedby="advice">
      <form @submit=${this.#submit}>
        <h2 id="heading">${of === undefined ? texts.own : texts.of(of)}</h2>
        <p id="advice">${of === undefined ? texts.ownAdvice : texts.ofAdvice}</p>
        ${
          of === undefined
            ? passwordField(false, {
                id: 'old',
                label: texts.old,
                value: this.old,
                changed: (value) => (this.old = value),
              })
            : nothing
        }
        ${passwordField(true, {
          label: texts.new,
          value: this.password,
          error: problem,
          changed: (value) => (this.password = value),
        })}
        <div class="actions">
          <button class="button" type="button" @click=${() => this.dialog.close()}>${strings.cancel}</button>
          <button class="button primary" ?disabled=${busy}>${strings.people.save}</button>
        </div>
      </form>
    </dialog>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#save();
  };

  async #save(): Promise<void> {
    const { question } = this;
    if (question === undefined) return;
    const worked = await this.#submission.run(() => question.save(this.old, this.password), words);
    if (!worked) return;
    this.dialog.close();
    toast(texts.changed);
  }
}

/** The error text; a wrong password means the current one here. */
function words(error: unknown): string {
  const isOld = error instanceof CallError && error.code === 'wrong_password';
  return isOld ? strings.people.problems.wrongOldPassword : refusalText(error);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-password-dialog': PasswordDialog;
  }
}
