// <ud-item-details .playing .library may-edit>: the details and actions of an item: download, share, and for its owner
// edit, delete and restore. Its slot holds the jobs. Sends `ud-item-changed`, and `ud-tag` for a pressed tag.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { serverTime } from '../../api/server-time';
import { site } from '../../browser/site';
import type { Library } from '../../library/api';
import type { Playing } from '../../library/playing';
import type { Item } from '../../protocol/item';
import { strings } from '../../strings';
import { codecName } from '../../watch/mime';
import { badges } from '../badges';
import type { Confirm } from '../confirm';
import '../confirm';
import '../copy-link';
import { agoWithin, byteSize, itemLength } from '../format';
import { binIcon, editIcon, queueIcon } from '../icons';
import '../notice';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { toast } from '../toasts';
import './download-button';
import type { EditItem } from './edit-dialog';
import './edit-dialog';
import { ItemEvent, stateBadge } from './item-card';

const texts = strings.library;

/** An item was changed, deleted or restored. */
export class ItemChangedEvent extends Event {
  constructor(
    readonly item: Item,
    readonly isGone = false,
  ) {
    super('ud-item-changed', { bubbles: true, composed: true });
  }
}

/** A tag was pressed. */
export class TagEvent extends Event {
  constructor(readonly tag: string) {
    super('ud-tag', { bubbles: true, composed: true });
  }
}

@customElement('ud-item-details')
export class ItemDetails extends LitElement {
  @property({ attribute: false }) declare playing: Playing;
  @property({ attribute: false }) declare library: Pick<Library, 'change' | 'remove' | 'restore' | 'item'>;
  @property({ type: Boolean, attribute: 'may-edit' }) mayEdit = false;
  /** Changes whenever `playing` changes. */
  @property({ type: Number }) version = 0;
  @query('ud-edit-item') declare private editor: EditItem;
  @query('ud-confirm') declare private confirm: Confirm;

  static override styles = [
    base,
    block,
    buttons,
    badges,
    surfaces,
    css`
      .about {
        display: grid;
        grid-template: 'head side' auto 'facts side' 1fr / minmax(0, 1fr) minmax(0, 340px);
        gap: 20px 32px;
        align-items: start;
      }
      .head {
        grid-area: head;
      }
      ud-notice {
        margin-bottom: 20px;
      }
      h1 {
        font-size: clamp(1.4rem, 1.1rem + 1.4vw, 1.9rem);
        overflow-wrap: anywhere;
      }
      .artist {
        margin-top: 4px;
        color: var(--ud-muted);
        font-size: var(--ud-text-l);
      }
      .line {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
        margin-top: 14px;
      }
      .side {
        grid-area: side;
        display: grid;
        gap: 14px;
      }
      dl {
        grid-area: facts;
        margin: 0;
      }
      @media (max-width: 760px) {
        .about {
          grid-template: 'head' 'side' 'facts' / minmax(0, 1fr);
        }
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { item } = this.playing;
    if (item === undefined) return nothing;
    return html`${this.#deleted(item)}
      <div class="about">
        <div class="head">
          <h1 dir="auto">${item.title}</h1>
          ${item.artist ? html`<p class="artist" dir="auto">${item.artist}</p>` : nothing} ${this.#labels(item)}
          ${this.#actions(item)}
          <slot></slot>
        </div>
        ${this.#facts(item)}
        <div class="side">
          <ud-copy-link .url=${location.origin + site(`/library/${item.item_id}`)}></ud-copy-link>
          ${item.state === 'ready' ? html`<ud-download .playing=${this.playing}></ud-download>` : nothing}
        </div>
      </div>
      <ud-edit-item></ud-edit-item>
      <ud-confirm
        .heading=${texts.removal.heading(item.title)}
        .advice=${texts.removal.advice}
        .action=${texts.removal.action}
        @confirm=${() => void this.#remove(item)}
      ></ud-confirm>`;
  }

  #deleted(item: Item): TemplateResult | typeof nothing {
    if (item.deleted_until_ms === undefined) return nothing;
    const { heading, advice } = texts.problems.deleted;
    const when = new Date(item.deleted_until_ms).toLocaleString();
    return html`<ud-notice kind="warn" .heading=${heading} .advice=${advice(when)}>
      <button class="button small" type="button" @click=${() => void this.#restore(item)}>
        ${texts.problems.restore}
      </button>
    </ud-notice>`;
  }

  #labels(item: Item): TemplateResult | typeof nothing {
    const badge = stateBadge(item);
    if (badge === nothing && item.tags.length === 0) return nothing;
    return html`<div class="line">${badge} ${item.tags.map((tag) => this.#tag(tag))}</div>`;
  }

  #tag(tag: string): TemplateResult {
    return html`<button class="button small" type="button" @click=${() => this.dispatchEvent(new TagEvent(tag))}>
      ${tag}
    </button>`;
  }

  #actions(item: Item): TemplateResult {
    const isPlayable = item.state === 'ready' || item.state === 'growing';
    const add = html`<button
      class="button small"
      type="button"
      @click=${() => this.dispatchEvent(new ItemEvent('ud-queue-item', item))}
    >
      ${queueIcon}${texts.card.queue}
    </button>`;
    return html`<div class="line">
      ${isPlayable && item.deleted_until_ms === undefined ? add : nothing}
      ${this.mayEdit ? this.#editing(item) : nothing}
    </div>`;
  }

  #editing(item: Item): TemplateResult {
    return html`<button class="button small" type="button" @click=${() => this.#edit(item)}>
        ${editIcon}${texts.details.edit}
      </button>
      ${
        item.deleted_until_ms === undefined
          ? html`<button class="button small danger" type="button" @click=${() => this.confirm.ask()}>
              ${binIcon}${texts.details.remove}
            </button>`
          : nothing
      }`;
  }

  #facts(item: Item): TemplateResult {
    const { details, kinds } = texts;
    const facts: [string, string][] = [
      [details.album, item.album ?? ''],
      [details.length, item.duration_ms > 0 ? itemLength(item.duration_ms) : ''],
      [details.size, this.#size(item)],
      [details.format, item.tracks.map(({ codec }) => codecName(codec)).join(', ')],
      [details.added, `${kinds[item.kind]}, ${agoWithin(serverTime.nowMs() - item.created_at_ms)}`],
      [details.visibility, strings.visibilities[item.visibility]],
      [details.owner, item.owner ?? ''],
    ];
    return html`<dl class="facts" aria-label=${details.facts}>
      ${facts
        .filter(([, value]) => value !== '')
        .map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd dir="auto">${value}</dd>
            </div>`,
        )}
    </dl>`;
  }

  /** That of a download, and what the server keeps if that is more: MP3 and stems are kept in two formats. */
  #size(item: Item): string {
    const kept = item.bytes > 0 ? byteSize(item.bytes) : '';
    const { downloadBytes = 0 } = this.playing;
    if (downloadBytes === 0) return kept && texts.details.keptSize(kept);
    const size = byteSize(downloadBytes);
    // A manifest that was read before a growing item grew further is no reason to say more.
    const isAll = item.state === 'growing' || downloadBytes >= item.bytes || size === kept;
    return isAll ? size : `${size}, ${texts.details.keptSize(kept)}`;
  }

  #edit(item: Item): void {
    const save = async (change: Parameters<Library['change']>[1]): Promise<void> => {
      this.#changed(await this.library.change(item.item_id, change));
      toast(texts.details.saved);
    };
    this.editor.ask({ item, save });
  }

  async #remove(item: Item): Promise<void> {
    try {
      await this.library.remove(item.item_id);
      toast(texts.details.removed);
      this.#changed(await this.library.item(item.item_id), true);
    } catch {
      toast(texts.edit.failed, 'error');
    }
  }

  async #restore(item: Item): Promise<void> {
    try {
      this.#changed(await this.library.restore(item.item_id));
      toast(texts.details.restored);
    } catch {
      toast(texts.edit.failed, 'error');
    }
  }

  #changed(item: Item, isGone = false): void {
    this.dispatchEvent(new ItemChangedEvent(item, isGone));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-item-details': ItemDetails;
  }
  interface HTMLElementEventMap {
    'ud-item-changed': ItemChangedEvent;
    'ud-tag': TagEvent;
  }
}
