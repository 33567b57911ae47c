// <ud-confirm heading advice action>: asks before something that cannot be undone, in a modal dialog. `ask()` opens it;
// `confirm` is sent when the person agrees. Escape and Enter both leave everything as it is.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { base, buttons } from './styles';

@customElement('ud-confirm')
export class Confirm extends LitElement {
  @property() heading = '';
  @property() advice = '';
  /** What the button that agrees says. */
  @property() action = '';
  @query('dialog') declare private dialog: HTMLDialogElement;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: contents;
      }
      dialog {
        width: min(27rem, calc(100vw - 2 * var(--ud-gutter)));
        padding: 24px;
        border: 1px solid var(--ud-line);
        border-radius: calc(var(--ud-radius) + 2px);
        background: var(--ud-surface);
        color: var(--ud-text);
        box-shadow: var(--ud-shadow-raised);
      }
      dialog::backdrop {
        background: rgb(4 10 7 / 55%);
      }
      form {
        display: grid;
        gap: 12px;
      }
      h2 {
        font-size: 1.25rem;
        overflow-wrap: anywhere;
      }
      p {
        color: var(--ud-muted);
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: 10px;
        margin-top: 8px;
      }
      @media (max-width: 480px) {
        .actions .button {
          flex: 1 1 auto;
        }
      }
    `,
  ];

  /** Opens the dialog. */
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
          <button class="button" value="" autofocus>Cancel</button>
          <button class="button live" value="confirm">${this.action}</button>
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
