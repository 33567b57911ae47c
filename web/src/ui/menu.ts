// <ud-menu label>: a button (its icon in the default slot) with a menu of choices. Sends `pick` with the item's id. Keys as in
// the ARIA menu button pattern: arrows, Home, End, Escape; Tab and a click elsewhere close it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { checkIcon } from './icons';
import { base, buttons } from './styles';

/** One choice. `checked` is for choices that stay chosen; `group` names a set of items of which one is chosen. */
export interface MenuItem {
  id: string;
  label: string;
  checked?: boolean;
  group?: string;
}

/** An item was chosen. */
export class PickEvent extends Event {
  constructor(readonly id: string) {
    super('pick');
  }
}

@customElement('ud-menu')
export class Menu extends LitElement {
  @property() label = '';
  @property({ attribute: false }) items: readonly MenuItem[] = [];
  @state() private open = false;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        position: relative;
        display: inline-flex;
      }
      .menu {
        position: absolute;
        top: calc(100% + 6px);
        right: 0;
        z-index: 20;
        min-width: 12rem;
        padding: 6px;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius);
        background: var(--ud-surface);
        box-shadow: var(--ud-shadow-raised);
      }
      .menu button {
        display: flex;
        align-items: center;
        gap: 10px;
        width: 100%;
        min-height: var(--ud-target);
        padding: 0 12px;
        border: 0;
        border-radius: var(--ud-radius-small);
        background: none;
        color: var(--ud-text);
        font: inherit;
        text-align: left;
        white-space: nowrap;
        cursor: pointer;
      }
      .menu button:hover,
      .menu button:focus {
        background: var(--ud-surface-2);
      }
      .menu button svg {
        width: 18px;
        height: 18px;
        margin-left: auto;
        color: var(--ud-accent);
      }
      .line {
        margin: 6px 4px;
        border: 0;
        border-top: 1px solid var(--ud-line);
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<button
        class="button quiet icon"
        type="button"
        id="button"
        aria-haspopup="menu"
        aria-expanded=${this.open}
        aria-label=${this.label}
        title=${this.label}
        @click=${() => (this.open ? this.#close() : this.#open('first'))}
        @keydown=${this.#buttonKey}
      >
        <slot></slot>
      </button>
      ${this.open ? this.#menu() : nothing}`;
  }

  #menu(): TemplateResult {
    return html`<div
      class="menu"
      role="menu"
      aria-label=${this.label}
      @keydown=${this.#menuKey}
      @focusout=${this.#left}
    >
      ${this.items.map(
        (item, i) =>
          html`${i > 0 && item.group !== this.items[i - 1]?.group ? html`<hr class="line" />` : nothing}${this.#item(item)}`,
      )}
    </div>`;
  }

  #item({ id, label, checked, group }: MenuItem): TemplateResult {
    const role = checked === undefined ? 'menuitem' : group === undefined ? 'menuitemcheckbox' : 'menuitemradio';
    return html`<button
      type="button"
      role=${role}
      tabindex="-1"
      aria-checked=${checked ?? nothing}
      @click=${() => this.#pick(id)}
    >
      ${label}${checked === true ? checkIcon : nothing}
    </button>`;
  }

  #pick(id: string): void {
    this.#close();
    this.dispatchEvent(new PickEvent(id));
  }

  #open(focus: 'first' | 'last'): void {
    this.open = true;
    void this.updateComplete.then(() => this.#entries.at(focus === 'first' ? 0 : -1)?.focus());
  }

  #close(): void {
    this.open = false;
    this.#button?.focus();
  }

  get #button(): HTMLElement | null {
    return this.renderRoot.querySelector('#button');
  }

  get #entries(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>('.menu button')];
  }

  readonly #buttonKey = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    this.#open(event.key === 'ArrowDown' ? 'first' : 'last');
  };

  readonly #menuKey = (event: KeyboardEvent): void => {
    // Keeps these keys from the player.
    event.stopPropagation();
    const entries = this.#entries;
    const at = entries.indexOf(event.target as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      entries.at(to % entries.length)?.focus();
    } else if (event.key === 'Escape') this.#close();
    else if (event.key === 'Tab') this.open = false;
  };

  readonly #left = (event: FocusEvent): void => {
    const to = event.relatedTarget;
    if (!(to instanceof Node) || !this.renderRoot.contains(to)) this.open = false;
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-menu': Menu;
  }
}
