// <ud-rewind-bar .view>: the time line of a rewind, up to the live edge. Sends `ud-seek`.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import type { RewindView } from '../../watch/rewind/rewind';
import { runningTime } from '../format';
import { base } from '../styles';

const texts = strings.watch.player;

/** The person seeks within the past. */
export class SeekEvent extends Event {
  constructor(readonly ms: number) {
    super('ud-seek', { bubbles: true, composed: true });
  }
}

@customElement('ud-rewind-bar')
export class RewindBar extends LitElement {
  @property({ attribute: false }) declare view: RewindView;
  /** The dragged position. */
  @state() private heldMs: number | undefined;

  static override styles = [
    base,
    css`
      :host {
        display: flex;
        align-items: center;
        gap: 10px;
        padding: 0 14px;
        border-radius: 999px;
        background: var(--ud-scrim);
        color: #fff;
        color-scheme: dark;
        backdrop-filter: blur(10px);
      }
      input {
        flex: 1;
        min-width: 0;
        height: 44px;
        margin: 0;
        accent-color: #fff;
        cursor: pointer;
      }
      span {
        font-size: 0.8125rem;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
    `,
  ];

  override render(): TemplateResult {
    const { startMs, endMs } = this.view;
    const positionMs = this.heldMs ?? this.view.positionMs;
    const behind = texts.before(runningTime(endMs - positionMs));
    return html`<input
        type="range"
        min=${startMs}
        max=${Math.max(startMs + 1, endMs)}
        step="100"
        aria-label=${texts.timeLine}
        aria-valuetext=${texts.beforeLive(runningTime(endMs - positionMs))}
        .value=${String(positionMs)}
        @input=${(event: Event) => (this.heldMs = valueOf(event))}
        @change=${this.#moved}
      />
      <span aria-hidden="true">${behind}</span>`;
  }

  readonly #moved = (event: Event): void => {
    this.heldMs = undefined;
    this.dispatchEvent(new SeekEvent(valueOf(event)));
  };
}

function valueOf(event: Event): number {
  return Number((event.target as HTMLInputElement).value);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-rewind-bar': RewindBar;
  }
  interface HTMLElementEventMap {
    'ud-seek': SeekEvent;
  }
}
