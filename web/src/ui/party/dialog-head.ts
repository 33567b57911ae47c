// The head of a party's dialog: a heading, and a button that closes it.

import { html, type TemplateResult } from 'lit';

import { closeIcon } from '../icons';

/** The heading has the id `heading`, for the dialog's `aria-labelledby`; `closeLabel` is the label of the button. */
export function dialogHead(heading: string, closeLabel: string, close: () => void): TemplateResult {
  return html`<div class="head">
    <h2 id="heading">${heading}</h2>
    <button class="button quiet icon" type="button" aria-label=${closeLabel} title=${closeLabel} @click=${close}>
      ${closeIcon}
    </button>
  </div>`;
}
