// <ud-item-card .item .playing>: an item of the library as a link, with its cover, details, and buttons to play and
// queue it in place. Sends `ud-play-item` and `ud-queue-item`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { serverTime } from '../../api/server-time';
import { site } from '../../browser/site';
import type { Item } from '../../protocol/item';
import { strings } from '../../strings';
import { badges } from '../badges';
import { ago, byteSize, itemLength } from '../format';
import { pauseIcon, playIcon, queueIcon } from '../icons';
import { base, buttons } from '../styles';
import { cover, covers } from './cover';

const texts = strings.library;

/** The person wants to play or queue an item. */
export class ItemEvent extends Event {
  constructor(
    type: 'ud-play-item' | 'ud-queue-item' | 'ud-open-item',
    readonly item: Item,
  ) {
    super(type, { bubbles: true, composed: true });
  }
}

@customElement('ud-item-card')
export class ItemCard extends LitElement {
  @property({ attribute: false }) declare item: Item;
  /** Whether it is playing. */
  @property({ type: Boolean }) playing = false;
  /** Heading level of the title. */
  @property({ type: Number }) level = 2;

  static override styles = [
    base,
    buttons,
    badges,
    covers,
    css`
      :host {
        position: relative;
        display: block;
        min-width: 0;
      }
      a {
        display: block;
        color: inherit;
        text-decoration: none;
        border-radius: var(--ud-radius);
      }
      .cover {
        aspect-ratio: 16 / 9;
        box-shadow: var(--ud-shadow);
        transition:
          transform var(--ud-quick),
          box-shadow var(--ud-quick);
      }
      a:hover .cover {
        box-shadow: var(--ud-shadow-raised);
      }
      .length {
        position: absolute;
        right: 8px;
        bottom: 8px;
        padding: 1px 7px;
        border-radius: 6px;
        background: var(--ud-scrim);
        color: #fff;
        font-size: var(--ud-text-xs);
        font-weight: 600;
        font-variant-numeric: tabular-nums;
      }
      .length:empty {
        display: none;
      }
      .text {
        display: block;
        margin-top: 10px;
        padding-right: 96px;
      }
      .title {
        font-weight: 700;
        line-height: 1.35;
        letter-spacing: -0.01em;
        overflow-wrap: anywhere;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow: hidden;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 2px 8px;
        margin-top: 2px;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
      .facts .artist {
        flex-basis: 100%;
      }
      .facts span {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .actions {
        position: absolute;
        right: 0;
        margin-top: 4px;
        display: flex;
        gap: 0;
      }
      .actions .on {
        color: var(--ud-accent);
      }
      .place {
        position: relative;
      }
      /* On a narrow screen the cover is beside the text, so that a screen shows several items. */
      @media (max-width: 480px) {
        .place {
          display: grid;
          grid-template-columns: 112px minmax(0, 1fr) auto;
          gap: 0 12px;
          align-items: start;
        }
        .length {
          right: 4px;
          bottom: 4px;
        }
        .text {
          order: 1;
          margin-top: 0;
          padding: 0;
        }
        .actions {
          position: static;
          order: 2;
          flex-direction: column-reverse;
          margin: 0;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { item } = this;
    return html`<div class="place">
      <a href=${site(`/library/${item.item_id}`)} tabindex="-1" aria-hidden="true" @click=${this.#open}>
        <div class="cover">${cover(item)}<span class="length">${this.#length()}</span></div>
      </a>
      ${this.#actions()}
      <a class="text" href=${site(`/library/${item.item_id}`)} @click=${this.#open}>
        <div class="title" role="heading" aria-level=${this.level} dir="auto">${item.title}</div>
        <div class="facts">${this.#facts()}</div>
      </a>
    </div>`;
  }

  #length(): string {
    return this.item.duration_ms > 0 ? itemLength(this.item.duration_ms) : '';
  }

  #actions(): TemplateResult | typeof nothing {
    const { item, playing } = this;
    if (item.state === 'processing' || item.state === 'failed' || item.deleted_until_ms !== undefined) return nothing;
    const label = playing ? texts.card.pause(item.title) : texts.card.play(item.title);
    return html`<div class="actions">
      <button
        class="button quiet icon"
        type="button"
        aria-label="${texts.card.queue}: ${item.title}"
        title=${texts.card.queue}
        @click=${() => this.dispatchEvent(new ItemEvent('ud-queue-item', item))}
      >
        ${queueIcon}
      </button>
      <button
        class="button quiet icon ${playing ? 'on' : ''}"
        type="button"
        aria-label=${label}
        title=${label}
        @click=${() => this.dispatchEvent(new ItemEvent('ud-play-item', item))}
      >
        ${playing ? pauseIcon : playIcon}
      </button>
    </div>`;
  }

  #facts(): TemplateResult {
    const { item } = this;
    return html`${stateBadge(item)}
      ${item.artist ? html`<span class="artist" dir="auto">${item.artist}</span>` : nothing}
      <span>${ago(serverTime.nowMs() - item.created_at_ms)}</span>
      ${item.bytes > 0 ? html`<span>${byteSize(item.bytes)}</span>` : nothing}`;
  }

  readonly #open = (event: MouseEvent): void => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.dispatchEvent(new ItemEvent('ud-open-item', this.item));
  };
}

/** A label for a special state of an item. */
export function stateBadge({ state, deleted_until_ms, visibility }: Item): TemplateResult | typeof nothing {
  if (deleted_until_ms !== undefined) return html`<span class="badge bad">${texts.states.deleted}</span>`;
  if (state === 'growing') return html`<span class="badge live">${texts.states.growing}</span>`;
  if (state === 'processing') return html`<span class="badge warn">${texts.states.processing}</span>`;
  if (state === 'failed') return html`<span class="badge bad">${texts.states.failed}</span>`;
  return visibility === 'public' ? nothing : html`<span class="badge">${strings.visibilities[visibility]}</span>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-item-card': ItemCard;
  }
}
