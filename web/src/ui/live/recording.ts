// <ud-recording policy .item ?busy>: whether the stream is recorded into the library. Sends `record` with the wanted
// state.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { site } from '../../browser/site';
import type { RecordPolicy } from '../../protocol/account';
import type { ItemId } from '../../protocol/item';
import { strings } from '../../strings';
import { recordIcon, stopIcon } from '../icons';
import { base, block, buttons } from '../styles';

const texts = strings.live.onAir;

/** The broadcaster switched the recording on or off. */
export class RecordEvent extends Event {
  constructor(readonly on: boolean) {
    super('record', { bubbles: true, composed: true });
  }
}

@customElement('ud-recording')
export class Recording extends LitElement {
  /** Whether streams are recorded here. */
  @property() policy: RecordPolicy = 'off';
  /** The item of the current recording. */
  @property({ attribute: false }) item: ItemId | undefined;
  /** Whether recording is being switched on or off. */
  @property({ type: Boolean }) busy = false;

  static override styles = [
    base,
    block,
    buttons,
    css`
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        margin-top: var(--ud-space-2);
      }
    `,
  ];

  override render(): TemplateResult {
    const { policy, item } = this;
    const words = policy === 'all' ? texts.recordsAll : item === undefined ? texts.notRecorded : texts.recorded;
    return html`<p class="hint" role="status">${words}</p>
      <div class="actions">
        ${policy === 'ask' ? this.#button() : nothing}
        ${
          item === undefined
            ? nothing
            : html`<a class="button quiet" href=${site(`/library/${item}`)} target="_blank">${texts.seeRecording}</a>`
        }
      </div>`;
  }

  #button(): TemplateResult {
    const isOn = this.item !== undefined;
    return html`<button
      class="button"
      type="button"
      ?disabled=${this.busy}
      @click=${() => this.dispatchEvent(new RecordEvent(!isOn))}
    >
      ${isOn ? stopIcon : recordIcon} ${isOn ? texts.stopRecording : texts.record}
    </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-recording': Recording;
  }
}
