// <ud-copy-link url>: a link to share, with a button that copies it, or explains how to copy by hand. It shows the
// recognisable parts of the link, always with the end of the id; focused, all of it. `primary` marks the main action of
// a view.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { copyKeys, copyText } from '../browser/clipboard';
import { strings } from '../strings';
import { checkIcon, linkIcon } from './icons';
import { linkText } from './link-text';
import { base, buttons } from './styles';

/** How long the button confirms the copy. */
const COPIED_MS = 2_000;

@customElement('ud-copy-link')
export class CopyLink extends LitElement {
  @property() url = '';
  @property({ type: Boolean }) primary = false;
  /** The kind of text; a stream key is shown in full. */
  @property() what: 'link' | 'key' | 'invitation' | 'party' = 'link';
  @state() private outcome: 'copied' | 'by_hand' | undefined;
  @query('input') declare private field: HTMLInputElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        display: block;
        container-type: inline-size;
        min-width: 0;
      }
      .row {
        position: relative;
        display: flex;
        align-items: center;
        gap: 6px;
        padding: 5px 5px 5px 16px;
        border: 1px solid var(--ud-line-strong);
        border-radius: var(--ud-radius-pill);
        background: var(--ud-bg);
      }
      .row:focus-within {
        border-color: var(--ud-accent);
      }
      .link {
        position: relative;
        flex: 1;
        min-width: 0;
        font-size: var(--ud-text-xs);
      }
      .short {
        position: absolute;
        inset: 0;
        display: flex;
        align-items: center;
        pointer-events: none;
        overflow: hidden;
        white-space: nowrap;
      }
      .site {
        min-width: 1.5em;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .place {
        flex: none;
      }
      input {
        display: block;
        width: 100%;
        min-height: 40px;
        padding: 0;
        border: 0;
        background: none;
        color: transparent;
        font: inherit;
      }
      input:focus {
        color: var(--ud-text);
      }
      input:focus + .short {
        display: none;
      }
      input:focus-visible {
        box-shadow: none;
      }
      .button {
        min-height: 40px;
        padding: 0 13px;
        font-size: var(--ud-text-s);
      }
      @container (max-width: 290px) {
        .row {
          display: grid;
          gap: 0;
          padding: 2px 5px 5px;
          border-radius: var(--ud-radius-large);
        }
        .link {
          margin-inline: 10px;
        }
      }
      .hint {
        padding: 6px 16px 0;
      }
      .hint:empty {
        display: none;
      }
    `,
  ];

  override render(): TemplateResult {
    const copied = this.outcome === 'copied';
    const { copied: done, byHand, [this.what]: words } = strings.copying;
    const { site, place } = linkText(this.url);
    return html`<div class="row">
        <div class="link">
          <input readonly aria-label=${words.label} .value=${this.url} @focus=${() => this.field.select()} />
          <div class="short" aria-hidden="true">${[part('site', site), part('place', place)]}</div>
        </div>
        <button class="button ${this.primary ? 'primary' : ''}" type="button" @click=${this.#copy}>
          ${copied ? checkIcon : linkIcon}${copied ? done : words.copy}
        </button>
      </div>
      <p class="hint" role="status">${this.outcome === 'by_hand' ? byHand(copyKeys()) : nothing}</p>
      <span class="visually-hidden" role="status">${copied ? words.done : nothing}</span>`;
  }

  async #copy(): Promise<void> {
    clearTimeout(this.#timer);
    this.outcome = (await copyText(this.url, this.field)) ? 'copied' : 'by_hand';
    if (this.outcome === 'copied') this.#timer = setTimeout(() => (this.outcome = undefined), COPIED_MS);
  }
}

function part(name: string, text: string): TemplateResult {
  return html`<span class=${name}>${text}</span>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-copy-link': CopyLink;
  }
}
