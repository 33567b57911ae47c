// <ud-setup-form .create>: creates the account of the first operator. Sends `signed-in` on success.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import { fields } from '../fields';
import '../notice';
import { base, block, buttons } from '../styles';
import { nameField, passwordField } from './credential-fields';
import { Submission } from './submission';

const texts = strings.people.setup;

@customElement('ud-setup-form')
export class SetupForm extends LitElement {
  /** Creates the account and signs in. */
  @property({ attribute: false }) declare create: (name: string, password: string) => Promise<void>;
  @state() private name = '';
  @state() private password = '';
  readonly #submission = new Submission(this);

  static override styles = [
    base,
    block,
    buttons,
    fields,
    css`
      form {
        display: grid;
        gap: var(--ud-space-4);
      }
    `,
  ];

  override render(): TemplateResult {
    const { busy, problem } = this.#submission;
    return html`<form @submit=${this.#submit}>
      ${nameField(true, { value: this.name, autocomplete: 'username', changed: (value) => (this.name = value) })}
      ${passwordField(true, { value: this.password, error: problem, changed: (value) => (this.password = value) })}
      <button class="button primary" ?disabled=${busy}>${texts.submit}</button>
    </form>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#create();
  };

  async #create(): Promise<void> {
    if (await this.#submission.run(() => this.create(this.name.trim(), this.password))) {
      this.dispatchEvent(new Event('signed-in'));
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-setup-form': SetupForm;
  }
}
