// <ud-confirm heading advice action>: a modal dialog that asks before something that cannot be undone. `ask()` opens
// it. Sends `confirm` when the person agrees. Escape and Enter both cancel.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { strings } from '../strings';
import { dialogs } from './dialogs';
import { base, buttons } from './styles';

@customElement('ud-confirm')
export class Confirm extends LitElement {
  @property() heading = '';
  @property() advice = '';
  /** Label of the confirming button. */
  @property() action = '';
  @query('dialog') declare private dialog: HTMLDialogElement;

  static override styles = [
    base,
    buttons,
    dialogs,
    css`
      :host {
        display: contents;
      }
    `,
  ];

  ask(): void {
    this.dialog.returnValue = '';
    this.dialog.showModal();
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="heading" aria-describedby="advice" @close=${this.#closed}>
      <form method="dialog">
        <h2 id="heading">${this.heading}</h2>
        <p id="advice">${this.advice}</p>
        <div class="actions">
          <button class="button" value="" autofocus>${strings.cancel}</button>
          <button class="button danger filled" value="confirm">${this.action}</button>
        </div>
      </form>
    </dialog>`;
  }

  #closed(): void {
    if (this.dialog.returnValue === 'confirm') this.dispatchEvent(new Event('confirm'));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-confirm': Confirm;
  }
}
