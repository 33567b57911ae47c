// <ud-tabs label .tabs selected>: tabs with one panel each, in the slot of the tab's name. The arrow keys, Home and End
// select tabs. Sends `ud-select` with the name, because inputs inside send events named `select`.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { base, block } from './styles';

/** One tab. */
export interface Tab {
  name: string;
  label: string;
}

/** Another tab was selected. */
export class SelectEvent extends Event {
  constructor(readonly selected: string) {
    super('ud-select');
  }
}

@customElement('ud-tabs')
export class Tabs extends LitElement {
  @property() label = '';
  @property({ attribute: false }) tabs: readonly Tab[] = [];
  @property() selected = '';

  static override styles = [
    base,
    block,
    css`
      .tabs {
        display: flex;
        gap: var(--ud-space-2);
        margin-bottom: var(--ud-space-4);
        padding: 4px 4px 0;
        border-bottom: 1px solid var(--ud-line);
        overflow-x: auto;
      }
      button {
        min-height: var(--ud-target);
        padding: 0 14px;
        border: 0;
        border-bottom: 3px solid transparent;
        background: none;
        color: var(--ud-muted);
        font: inherit;
        font-weight: 600;
        white-space: nowrap;
        cursor: pointer;
      }
      @media (max-width: 480px) {
        .tabs {
          gap: 2px;
          padding-inline: 0;
        }
        button {
          padding: 0 8px;
          font-size: var(--ud-text-s);
        }
      }
      button:hover {
        color: var(--ud-text);
      }
      button[aria-selected='true'] {
        border-color: var(--ud-accent);
        color: var(--ud-text);
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<div class="tabs" role="tablist" aria-label=${this.label} @keydown=${this.#key}>
        ${this.tabs.map(({ name, label }) => this.#tab(name, label))}
      </div>
      <div role="tabpanel" id="panel" aria-labelledby="tab-${this.selected}"><slot name=${this.selected}></slot></div>`;
  }

  #tab(name: string, label: string): TemplateResult {
    const selected = name === this.selected;
    return html`<button
      type="button"
      role="tab"
      id="tab-${name}"
      aria-selected=${selected}
      aria-controls="panel"
      tabindex=${selected ? 0 : -1}
      @click=${() => this.#select(name)}
    >
      ${label}
    </button>`;
  }

  readonly #key = (event: KeyboardEvent): void => {
    const at = this.tabs.findIndex(({ name }) => name === this.selected);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    const next = to === undefined ? undefined : this.tabs.at(to % this.tabs.length);
    if (next === undefined) return;
    event.preventDefault();
    this.#select(next.name);
    this.#element(next.name)?.focus();
  };

  #select(name: string): void {
    if (name === this.selected) return;
    this.selected = name;
    // On phones the tab may be cut off at the edge.
    this.#element(name)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.dispatchEvent(new SelectEvent(name));
  }

  #element(name: string): HTMLElement | null {
    return this.renderRoot.querySelector(`#tab-${name}`);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-tabs': Tabs;
  }
}
