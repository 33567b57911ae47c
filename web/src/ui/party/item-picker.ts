// <ud-item-picker .library .chosen action>: items of the library, searched as one types, in rows with one button each.
// Sends `ud-pick-item`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { Library } from '../../library/api';
import { Listing, type ListingView } from '../../library/listing';
import type { Item, ItemId } from '../../protocol/item';
import { strings } from '../../strings';
import { fields } from '../fields';
import { checkIcon, plusIcon, searchIcon } from '../icons';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { entryRows, entryText } from './entry-row';

const texts = strings.party.add;

/** The person picks an item. */
export class PickItemEvent extends Event {
  constructor(readonly item: Item) {
    super('ud-pick-item', { bubbles: true, composed: true });
  }
}

@customElement('ud-item-picker')
export class ItemPicker extends LitElement {
  @property({ attribute: false }) declare library: Pick<Library, 'list'>;
  /** Items that are already picked. */
  @property({ attribute: false }) chosen: ReadonlySet<ItemId> = new Set();
  @state() private view: ListingView | undefined;
  @state() private q = '';
  #listing: Listing | undefined;

  static override styles = [
    base,
    block,
    buttons,
    fields,
    surfaces,
    entryRows,
    css`
      .search {
        position: relative;
        margin-bottom: 10px;
      }
      .search svg {
        position: absolute;
        left: 14px;
        top: 13px;
        width: 20px;
        color: var(--ud-muted);
        pointer-events: none;
      }
      .search input {
        padding-left: 42px;
      }
      .row {
        padding-inline: 0;
      }
      .row .button {
        flex: none;
      }
      .in {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        color: var(--ud-accent);
        font-size: var(--ud-text-s);
        font-weight: 600;
        white-space: nowrap;
      }
      .in svg {
        width: 18px;
        height: 18px;
      }
      .bone {
        height: 48px;
        margin: 6px 0;
      }
      .more {
        display: grid;
        justify-content: center;
        margin-top: 12px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    const { library } = this;
    this.#listing = new Listing({ library, kept: () => Promise.resolve([]), changed: (view) => (this.view = view) });
    this.#listing.ask({ q: this.q });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#listing?.close();
  }

  /** Loads the items again. */
  refresh(): void {
    this.#listing?.ask({ q: this.q });
  }

  override render(): TemplateResult {
    return html`<div class="search">
        ${searchIcon}
        <input
          type="search"
          aria-label=${texts.search}
          placeholder=${texts.placeholder}
          maxlength="200"
          autocomplete="off"
          .value=${this.q}
          @input=${(event: Event) => this.#ask((event.target as HTMLInputElement).value)}
        />
      </div>
      ${this.#content()}`;
  }

  #content(): TemplateResult {
    const { view } = this;
    if (view?.error !== undefined)
      return html`<p class="hint" role="alert">${strings.library.unreachable}</p>
        <button class="button small" type="button" @click=${() => this.refresh()}>${strings.library.tryAgain}</button>`;
    if (view?.items === undefined)
      return html`<div aria-busy="true" aria-label=${strings.library.loading} role="status">
        ${[1, 2, 3, 4].map(() => html`<div class="bone"></div>`)}
      </div>`;
    const items = view.items.filter(({ state }) => state === 'ready');
    if (items.length === 0)
      return html`<div class="empty">
        <strong>${this.q === '' ? texts.empty : texts.nothing}</strong>
        <p>${this.q === '' ? texts.emptyAdvice : strings.library.nothingFoundAdvice}</p>
      </div>`;
    return html`<ul class="rows" aria-busy=${view.isAsking ? 'true' : 'false'}>
        ${repeat(
          items,
          ({ item_id }) => item_id,
          (item) => this.#row(item),
        )}
      </ul>
      ${
        view.hasMore
          ? html`<div class="more">
              <button
                class="button small"
                type="button"
                ?disabled=${view.isAsking}
                @click=${() => this.#listing?.more()}
              >
                ${texts.more}
              </button>
            </div>`
          : nothing
      }`;
  }

  #row(item: Item): TemplateResult {
    const { item_id, title, artist, duration_ms, poster_url, tracks } = item;
    const shown = {
      title,
      duration_ms,
      hash: item_id,
      is_video: tracks.some(({ kind }) => kind === 'video'),
      ...(artist === undefined ? {} : { artist }),
      ...(poster_url === undefined ? {} : { poster_url }),
    };
    return html`<li class="row">
      ${entryText(shown)}
      ${
        this.chosen.has(item_id)
          ? html`<span class="in">${checkIcon} ${texts.added}</span>`
          : html`<button
              class="button small"
              type="button"
              aria-label=${texts.addOne(title)}
              @click=${() => this.dispatchEvent(new PickItemEvent(item))}
            >
              ${plusIcon} ${texts.add}
            </button>`
      }
    </li>`;
  }

  #ask(q: string): void {
    this.q = q;
    this.#listing?.ask({ q }, true);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-item-picker': ItemPicker;
  }
  interface HTMLElementEventMap {
    'ud-pick-item': PickItemEvent;
  }
}
