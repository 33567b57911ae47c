// <ud-kept-panel .kept>: how much of the library is stored in this browser, the limit of it, and a button that clears
// it. Empty if the browser cannot store anything.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Kept } from '../../library/kept/kept';
import type { Usage } from '../../library/kept/store';
import { strings } from '../../strings';
import { fields } from '../fields';
import { byteSize } from '../format';
import { base, block, buttons } from '../styles';
import { toast } from '../toasts';

const texts = strings.library.kept;
const LIMITS = [0, 256e6, 1e9, 4e9, 16e9];

@customElement('ud-kept-panel')
export class KeptPanel extends LitElement {
  @property({ attribute: false }) declare kept: Pick<Kept, 'usage' | 'setLimit' | 'clear'>;
  @state() private usage: Usage | undefined;

  static override styles = [
    base,
    block,
    buttons,
    fields,
    css`
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 14px;
        padding-top: 16px;
        border-top: 1px solid var(--ud-line);
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
      .row strong {
        color: var(--ud-text);
        font-weight: 600;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        margin-left: auto;
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
    return html`<section class="row" aria-label=${texts.label}>
      <span role="status">
        ${usage.fragments === 0 ? texts.nothing : html`<strong>${texts.amount(byteSize(usage.bytes))}</strong>`}
      </span>
      ${
        usage.fragments === 0
          ? nothing
          : html`<button class="button small" type="button" @click=${this.#clear}>${texts.clear}</button>`
      }
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
    </section>`;
  }

  /** The choices, plus the current limit, which is lower if the browser allows no more. */
  #limits({ limitBytes }: Usage): number[] {
    return [...new Set([...LIMITS, limitBytes])].sort((a, b) => a - b);
  }

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
