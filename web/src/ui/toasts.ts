// <ud-toasts>: short messages about success or failure, announced to screen readers and removed after some seconds.
// Every page has one, in its shell; `toast(text)` shows a message. A message that requires action is a notice, not a
// toast.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { strings } from '../strings';
import { checkIcon, closeIcon, warnIcon } from './icons';
import { base, buttons } from './styles';

/** How long a message stays, unless the pointer or the focus is on it. */
const STAYS_MS = 6_000;
/** More would cover the page. */
const MOST = 3;

type Kind = 'done' | 'error';

class ToastEvent extends Event {
  constructor(
    readonly text: string,
    readonly kind: Kind,
  ) {
    super('ud-toast');
  }
}

/** Shows `text` on this page. */
export function toast(text: string, kind: Kind = 'done'): void {
  dispatchEvent(new ToastEvent(text, kind));
}

interface Shown {
  id: number;
  text: string;
  kind: Kind;
  timer: ReturnType<typeof setTimeout> | undefined;
}

@customElement('ud-toasts')
export class Toasts extends LitElement {
  @state() private shown: readonly Shown[] = [];
  #nextId = 0;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        position: fixed;
        inset: auto 0 0;
        z-index: 30;
        display: grid;
        justify-items: center;
        gap: var(--ud-space-2);
        /* A page with a bar at its foot says how tall that is. */
        padding: 0 var(--ud-gutter) calc(var(--ud-foot, 0px) + max(16px, env(safe-area-inset-bottom)));
        pointer-events: none;
      }
      .toast {
        display: flex;
        align-items: center;
        gap: var(--ud-space-3);
        max-width: 34rem;
        min-height: 52px;
        padding: 4px 4px 4px 16px;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius);
        background: var(--ud-surface);
        box-shadow: var(--ud-shadow-raised);
        pointer-events: auto;
        animation: arrive var(--ud-calm);
      }
      .toast > svg {
        flex: none;
        width: 20px;
        color: var(--ud-accent);
      }
      .toast.error > svg {
        color: var(--ud-live);
      }
      span {
        overflow-wrap: anywhere;
      }
      @keyframes arrive {
        from {
          opacity: 0;
          transform: translateY(12px);
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('ud-toast', this.#add);
    // The region must exist, empty, before the first message, or screen readers do not announce that one.
    this.setAttribute('role', 'status');
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('ud-toast', this.#add);
    for (const { timer } of this.shown) clearTimeout(timer);
  }

  override render(): TemplateResult {
    return html`${repeat(
      this.shown,
      ({ id }) => id,
      (shown) => this.#toast(shown),
    )}`;
  }

  #toast(shown: Shown): TemplateResult {
    const hold = (): void => clearTimeout(shown.timer);
    const release = (): void => this.#leaveLater(shown);
    return html`<div
      class="toast ${shown.kind}"
      @pointerenter=${hold}
      @pointerleave=${release}
      @focusin=${hold}
      @focusout=${release}
    >
      ${shown.kind === 'done' ? checkIcon : warnIcon}<span>${shown.text}</span>
      <button
        class="button quiet icon"
        type="button"
        aria-label=${strings.dismiss}
        @click=${() => this.#remove(shown.id)}
      >
        ${closeIcon}
      </button>
    </div>`;
  }

  readonly #add = (event: Event): void => {
    if (!(event instanceof ToastEvent)) return;
    const added: Shown = { id: this.#nextId++, text: event.text, kind: event.kind, timer: undefined };
    this.#leaveLater(added);
    // A repeated message replaces the earlier one.
    const others = this.shown.filter(({ text, kind }) => text !== added.text || kind !== added.kind);
    const stay = others.slice(-(MOST - 1));
    for (const one of this.shown) if (!stay.includes(one)) clearTimeout(one.timer);
    this.shown = [...stay, added];
  };

  #leaveLater(shown: Shown): void {
    clearTimeout(shown.timer);
    shown.timer = setTimeout(() => this.#remove(shown.id), STAYS_MS);
  }

  #remove(id: number): void {
    clearTimeout(this.shown.find((shown) => shown.id === id)?.timer);
    this.shown = this.shown.filter((shown) => shown.id !== id);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-toasts': Toasts;
  }
}
