// <ud-queue-panel .queue>: the current item and the next ones, to reorder. Sends `ud-queue-go` with an index.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { Queue, Queued } from '../../library/queue';
import { strings } from '../../strings';
import { itemLength } from '../format';
import { closeIcon, downIcon, upIcon } from '../icons';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';

const texts = strings.library.queue;

/** The person chose an entry of the queue. */
export class QueueGoEvent extends Event {
  constructor(readonly place: number) {
    super('ud-queue-go', { bubbles: true, composed: true });
  }
}

@customElement('ud-queue-panel')
export class QueuePanel extends LitElement {
  @property({ attribute: false }) declare queue: Queue;
  /** Changes whenever the queue changes. */
  @property({ type: Number }) version = 0;

  static override styles = [
    base,
    block,
    buttons,
    surfaces,
    css`
      header {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      h2 {
        flex: 1;
        font-size: var(--ud-text-l);
      }
      ol {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 2px;
        /* In a low window, its head and the bar at the foot stay visible. */
        max-height: max(120px, min(50vh, 100vh - 300px));
        margin: 0;
        padding: 0;
        overflow: auto;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        border-radius: var(--ud-radius-small);
      }
      li[aria-current='true'] {
        background: var(--ud-accent-soft);
      }
      .name {
        flex: 1;
        min-width: 0;
        min-height: 44px;
        padding: 4px 10px;
        border: 0;
        background: none;
        color: inherit;
        font: inherit;
        text-align: left;
        cursor: pointer;
      }
      .name strong,
      .name span {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .name strong {
        font-weight: 600;
      }
      .name span {
        color: var(--ud-muted);
        font-size: var(--ud-text-xs);
      }
      .button.icon {
        flex: none;
        width: 40px;
      }
      p {
        color: var(--ud-muted);
      }
    `,
  ];

  override render(): TemplateResult {
    const { items } = this.queue;
    return html`<section class="card" aria-labelledby="queue">
      <header>
        <h2 id="queue">${texts.heading}</h2>
        ${
          items.length > 1
            ? html`<button class="button small quiet" type="button" @click=${() => this.queue.clear()}>
                ${texts.clear}
              </button>`
            : nothing
        }
        <button
          class="button quiet icon"
          type="button"
          aria-label=${texts.close}
          title=${texts.close}
          @click=${() => this.dispatchEvent(new Event('ud-close'))}
        >
          ${closeIcon}
        </button>
      </header>
      ${
        items.length === 0
          ? html`<p>${texts.empty}</p>`
          : html`<ol>
              ${repeat(
                items,
                ({ item_id }) => item_id,
                (item, place) => this.#row(item, place),
              )}
            </ol>`
      }
    </section>`;
  }

  #row(item: Queued, place: number): TemplateResult {
    const { queue } = this;
    const isCurrent = place === queue.place;
    const length = item.duration_ms ? itemLength(item.duration_ms) : '';
    const facts = [isCurrent ? texts.playing : '', item.artist ?? '', length].filter(Boolean).join(' · ');
    return html`<li aria-current=${isCurrent ? 'true' : 'false'}>
      <button
        class="name"
        type="button"
        title=${texts.play(item.title)}
        @click=${() => this.dispatchEvent(new QueueGoEvent(place))}
      >
        <strong dir="auto">${item.title}</strong><span dir="auto">${facts}</span>
      </button>
      ${place > 0 ? this.#button(texts.up(item.title), upIcon, () => queue.move(place, place - 1)) : nothing}
      ${
        place < queue.items.length - 1
          ? this.#button(texts.down(item.title), downIcon, () => queue.move(place, place + 1))
          : nothing
      }
      ${isCurrent ? nothing : this.#button(texts.remove(item.title), closeIcon, () => queue.remove(place))}
    </li>`;
  }

  #button(label: string, icon: TemplateResult, pressed: () => void): TemplateResult {
    return html`<button class="button quiet icon" type="button" aria-label=${label} title=${label} @click=${pressed}>
      ${icon}
    </button>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-queue-panel': QueuePanel;
  }
  interface HTMLElementEventMap {
    'ud-queue-go': QueueGoEvent;
  }
}
