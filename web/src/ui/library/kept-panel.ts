// <ud-kept-panel .kept>: how much of the library is stored in this browser and, once it is opened (`open`), the limit of
// it and a button that clears it. Empty if the browser cannot store anything.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Kept } from '../../library/kept/kept';
import type { Usage } from '../../library/kept/store';
import { strings } from '../../strings';
import { fields } from '../fields';
import { byteSize } from '../format';
import { downIcon } from '../icons';
import { base, block, buttons } from '../styles';
import { toast } from '../toasts';

const texts = strings.library.kept;
const LIMITS = [0, 256e6, 1e9, 4e9, 16e9];

@customElement('ud-kept-panel')
export class KeptPanel extends LitElement {
  @property({ attribute: false }) declare kept: Pick<Kept, 'usage' | 'setLimit' | 'clear'>;
  @property({ type: Boolean, reflect: true }) open = false;
  @state() private usage: Usage | undefined;

  static override styles = [
    base,
    block,
    buttons,
    fields,
    css`
      details {
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
      summary {
        display: inline-flex;
        align-items: center;
        gap: 4px;
        min-height: 40px;
        border-radius: var(--ud-radius-small);
        list-style: none;
        cursor: pointer;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      summary:hover {
        color: var(--ud-text);
      }
      summary svg {
        width: 18px;
        height: 18px;
        transition: transform var(--ud-quick);
      }
      [open] summary svg {
        transform: scaleY(-1);
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 16px;
        padding: 12px 16px;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius);
        background: var(--ud-surface);
      }
      .row p {
        flex: 1 1 16rem;
        margin: 0;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
      }
      select {
        width: auto;
        min-height: 40px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    void this.refresh();
  }

  /** Reads the current usage. */
  async refresh(): Promise<void> {
    this.usage = await this.kept.usage();
  }

  override render(): TemplateResult | typeof nothing {
    const { usage } = this;
    if (usage === undefined) return nothing;
    const isEmpty = usage.fragments === 0;
    return html`<details .open=${this.open} @toggle=${this.#toggled}>
      <summary>${isEmpty ? texts.label : texts.amount(byteSize(usage.bytes))}${downIcon}</summary>
      <div class="row">
        <p>${texts.advice}</p>
        <label
          >${texts.limit}
          <select @change=${this.#limited}>
            ${this.#limits(usage).map(
              (bytes) =>
                html`<option value=${bytes} ?selected=${bytes === usage.limitBytes}>
                  ${bytes === 0 ? texts.off : byteSize(bytes)}
                </option>`,
            )}
          </select></label
        >
        <button class="button small" type="button" ?disabled=${isEmpty} @click=${this.#clear}>${texts.clear}</button>
      </div>
    </details>`;
  }

  /** The choices, plus the current limit, which is lower if the browser allows no more. */
  #limits({ limitBytes }: Usage): number[] {
    return [...new Set([...LIMITS, limitBytes])].sort((a, b) => a - b);
  }

  readonly #toggled = (event: Event): void => {
    this.open = (event.target as HTMLDetailsElement).open;
  };

  readonly #limited = async (event: Event): Promise<void> => {
    this.usage = await this.kept.setLimit(Number((event.target as HTMLSelectElement).value));
  };

  readonly #clear = async (): Promise<void> => {
    this.usage = await this.kept.clear();
    toast(texts.cleared);
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-kept-panel': KeptPanel;
  }
}
