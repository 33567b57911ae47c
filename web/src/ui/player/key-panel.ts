// <ud-key-panel>: the keys of the player, and the switch that turns the letters among them off.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import { base } from '../styles';
import { panelStyles } from './panel-styles';
import { lettersAreOn, switchLetters } from '../../watch/keys';

const texts = strings.watch.player;

/** What each key does. */
const HELP: readonly [string, string][] = [
  [texts.keyHelp.space, texts.keyHelp.playPause],
  ['K', texts.keyHelp.playPause],
  ['L', texts.keyHelp.live],
  [texts.keyHelp.arrows, texts.keyHelp.skip],
  ['M', texts.keyHelp.mute],
  ['F', texts.keyHelp.fullScreen],
  ['I', texts.keyHelp.stats],
];

@customElement('ud-key-panel')
export class KeyPanel extends LitElement {
  @state() private letters = lettersAreOn();

  static override styles = [
    base,
    panelStyles,
    css`
      :host {
        padding-bottom: 0;
      }
      dd {
        color: var(--ud-muted);
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
