// <ud-sign-in .enter>: asks for a name and a password and signs in. Sends `signed-in` on success.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import { fields } from '../fields';
import { base, block, buttons } from '../styles';
import { nameField, passwordField } from './credential-fields';
import { Submission } from './submission';

const texts = strings.people.signIn;

@customElement('ud-sign-in')
export class SignIn extends LitElement {
  /** Signs in. */
  @property({ attribute: false }) declare enter: (name: string, password: string) => Promise<void>;
  /** Text above the fields; none if empty. */
  @property() advice = '';
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
      ${this.advice === '' ? nothing : html`<p class="hint">${this.advice}</p>`}
      ${nameField(false, { value: this.name, changed: (value) => (this.name = value) })}
      ${passwordField(false, { value: this.password, error: problem, changed: (value) => (this.password = value) })}
      <button class="button primary" ?disabled=${busy}>${busy ? texts.busy : texts.submit}</button>
    </form>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#signIn();
  };

  async #signIn(): Promise<void> {
    const worked = await this.#submission.run(() => this.enter(this.name.trim(), this.password));
    this.password = '';
    if (worked) this.dispatchEvent(new Event('signed-in'));
    else this.renderRoot.querySelector<HTMLElement>('#password')?.focus();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-sign-in': SignIn;
  }
}
