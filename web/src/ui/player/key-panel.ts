// <ud-key-panel>: the keys of the player, and the switch that turns the letters among them off.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import { base } from '../styles';
import { lettersAreOn, switchLetters } from '../../watch/keys';

const texts = strings.watch.player;

/** What each key does. */
const HELP: readonly [string, string][] = [
  [texts.keyHelp.space, texts.keyHelp.playPause],
  ['K', texts.keyHelp.playPause],
  ['L', texts.keyHelp.live],
  ['M', texts.keyHelp.mute],
  ['F', texts.keyHelp.fullScreen],
  ['I', texts.keyHelp.stats],
];

@customElement('ud-key-panel')
export class KeyPanel extends LitElement {
  @state() private letters = lettersAreOn();

  static override styles = [
    base,
    css`
      :host {
        display: block;
        padding: 14px 18px;
        border-radius: var(--ud-radius-small);
        background: var(--ud-scrim);
        color: var(--ud-text);
        color-scheme: dark;
        font-size: 0.875rem;
        backdrop-filter: blur(8px);
      }
      dl {
        display: grid;
        grid-template-columns: auto auto;
        gap: 4px 22px;
        margin: 0;
      }
      dd {
        margin: 0;
        color: var(--ud-muted);
      }
      @media (max-width: 560px) {
        :host {
          padding: 8px 12px 0;
          font-size: 0.75rem;
        }
        dl {
          grid-template-columns: auto 1fr auto 1fr;
          gap: 2px 12px;
        }
      }
      .off {
        color: var(--ud-muted);
        text-decoration: line-through;
      }
      label {
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: 44px;
        margin-top: 6px;
        border-top: 1px solid var(--ud-line);
        cursor: pointer;
      }
      input {
        flex: none;
        width: 20px;
        height: 20px;
        margin: 0;
        accent-color: var(--ud-accent);
        cursor: pointer;
      }
    `,
  ];

  override render(): TemplateResult {
    const off = this.letters ? '' : 'off';
    return html`<dl>
        ${HELP.map(
          ([key, what]) =>
            html`<dt class=${key.length > 1 ? '' : off}>${key}</dt>
              <dd>${what}</dd>`,
        )}
      </dl>
      <label>
        <input type="checkbox" .checked=${this.letters} @change=${this.#switched} />
        ${texts.lettersAreKeys}
      </label>`;
  }

  #switched(event: Event): void {
    this.letters = (event.target as HTMLInputElement).checked;
    switchLetters(this.letters);
    this.dispatchEvent(new Event('ud-letters', { bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-key-panel': KeyPanel;
  }
}
