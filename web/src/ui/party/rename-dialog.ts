// <ud-party-rename .rename>: a modal dialog to change the person's name. `show()` opens it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { MAX_NAME_CHARS } from '../../protocol/party';
import { cleanTitle } from '../../protocol/title';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { fields, textField } from '../fields';
import { Submission } from '../people/submission';
import { base, buttons } from '../styles';
import { toast } from '../toasts';
import { refusal } from './refusals';

const texts = strings.party.rename;

@customElement('ud-party-rename')
export class RenameDialog extends LitElement {
  /** Throws a CallError if the party refuses. */
  @property({ attribute: false }) declare rename: (name: string) => Promise<void>;
  @state() private name = '';
  @state() private isWrong = false;
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

  /** Opens it with the current name. */
  show(name: string): void {
    this.name = name;
    this.isWrong = false;
    this.#submission.clear();
    this.dialog.showModal();
  }

  override render(): TemplateResult {
    const { busy, problem } = this.#submission;
    return html`<dialog aria-labelledby="heading">
      <form @submit=${this.#submit} novalidate>
        <h2 id="heading">${texts.heading}</h2>
        ${textField({
          id: 'name',
          label: texts.name,
          value: this.name,
          maxLength: MAX_NAME_CHARS,
          autocomplete: 'nickname',
          error: this.isWrong ? strings.parties.create.nameNeeded : '',
          changed: (value) => (this.name = value),
        })}
        ${problem === '' ? nothing : html`<p class="error" role="alert">${problem}</p>`}
        <div class="actions">
          <button class="button" type="button" @click=${() => this.dialog.close()}>${strings.cancel}</button>
          <button class="button primary" ?disabled=${busy}>${texts.save}</button>
        </div>
      </form>
    </dialog>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = cleanTitle(this.name);
    this.isWrong = name === undefined;
    if (name !== undefined) void this.#save(name);
  };

  async #save(name: string): Promise<void> {
    if (!(await this.#submission.run(() => this.rename(name), refusal))) return;
    this.dialog.close();
    toast(texts.done);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-rename': RenameDialog;
  }
}
