// <ud-item-list .library .kept .playing signed-in>: the items of the library, searched as one types, with filters; more
// are loaded as the person scrolls. The slot `actions` holds buttons for new items, `kept` what is stored in this browser.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { Poll } from '../../api/poll';
import { Library, SORTS } from '../../library/api';
import type { Kept } from '../../library/kept/kept';
import { FALL_BACK_MS } from '../../library/news';
import { Listing, type ListingView, type Search } from '../../library/listing';
import type { Item, ItemId } from '../../protocol/item';
import { strings } from '../../strings';
import { fields } from '../fields';
import { closeIcon, searchIcon } from '../icons';
import '../notice';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import './item-card';

const texts = strings.library;
/** How often the list is refreshed while it is visible. */
const REFRESH_MS = 10_000;
/** Changes within this time cause one refresh. */
const SOON_MS = 300;
const KINDS = ['all', 'recording', 'upload', 'job'] as const;
const WHO = ['all', 'mine', 'deleted'] as const;

@customElement('ud-item-list')
export class ItemList extends LitElement {
  @property({ attribute: false }) library: Pick<Library, 'list'> = new Library();
  @property({ attribute: false }) declare kept: Pick<Kept, 'items'>;
  /** The item that is playing. */
  @property() playing: ItemId | undefined;
  /** Whether someone is signed in, who may own items. */
  @property({ type: Boolean, attribute: 'signed-in' }) signedIn = false;
  /** Whether the page passes changes of the person's own items to `heard`. */
  @property({ type: Boolean }) hearing = false;
  @state() private view: ListingView | undefined;
  @state() private search: Search = {};
  #listing: Listing | undefined;
  #poll: Poll | undefined;
  #refreshedMs = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;
  readonly #seen = new IntersectionObserver(
    (entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) this.#listing?.more();
    },
    { rootMargin: '600px' },
  );

  static override styles = [
    base,
    block,
    buttons,
    fields,
    surfaces,
    css`
      .bar {
        display: flex;
        flex-wrap: wrap;
        gap: 12px;
        margin-bottom: 20px;
      }
      .search {
        position: relative;
        flex: 1 1 240px;
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
      .filters {
        flex: 1 0 100%;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
      }
      .filters select {
        width: auto;
        min-height: 44px;
        max-width: 100%;
        padding: 0 10px;
        font-size: var(--ud-text-s);
      }
      ::slotted([slot='kept'][open]) {
        flex: 0 0 100%;
        order: 1;
      }
      .count {
        margin-left: auto;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr));
        gap: 28px 22px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      ud-notice {
        margin-bottom: 20px;
      }
      .more {
        display: grid;
        justify-content: center;
        margin-top: 28px;
      }
      .bone.picture {
        aspect-ratio: 16 / 9;
      }
      .bone.line {
        width: 62%;
        height: 18px;
        margin-top: 14px;
      }
      .title {
        font-size: var(--ud-text-l);
        font-weight: 700;
      }
      ul.asking {
        opacity: 0.7;
      }
      @media (max-width: 480px) {
        ul {
          gap: 16px;
        }
        ul[aria-label] li {
          display: grid;
          grid-template-columns: 112px 1fr;
          gap: 12px;
        }
        .bone.line {
          margin-top: 4px;
        }
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    const { library } = this;
    this.#listing = new Listing({ library, kept: () => this.kept.items(), changed: (view) => (this.view = view) });
    this.#listing.ask(this.search);
    this.#poll = new Poll(REFRESH_MS, async () => {
      const isTold = this.hearing && this.#isOwn && Date.now() - this.#refreshedMs < FALL_BACK_MS;
      if (!isTold) await this.#refresh();
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
    clearTimeout(this.#soon);
    this.#listing?.close();
    this.#seen.disconnect();
  }

  /** Updates an item; undefined removes it. */
  learn(id: ItemId, item: Item | undefined): void {
    this.#listing?.learn(id, item);
  }

  /** One of the person's own items changed; undefined if it is gone. */
  heard(id: ItemId, item: Item | undefined): void {
    const isListed =
      this.#isOwn || (item?.visibility === 'public' && item.state === 'ready' && item.stem === undefined);
    const fits = item !== undefined && isListed && this.search.deleted !== true;
    if (this.#listing?.shows(id)) this.#listing.learn(id, fits ? item : undefined);
    else if (fits || this.search.deleted === true) this.#refreshSoon();
  }

  /** The person's own items may have changed unnoticed. */
  heardAnew(): void {
    if (this.#isOwn) this.#refreshSoon();
  }

  /** Loads the list again. */
  refresh(): void {
    this.#listing?.ask(this.search);
  }

  /** Filters by a tag. */
  showTag(tag: string): void {
    this.#ask({ tag });
  }

  override render(): TemplateResult {
    return html`<div class="bar">
        <div class="search">
          ${searchIcon}
          <input
            type="search"
            aria-label=${texts.search.label}
            placeholder=${texts.search.placeholder}
            maxlength="200"
            autocomplete="off"
            .value=${this.search.q ?? ''}
            @input=${(event: Event) => this.#ask({ q: (event.target as HTMLInputElement).value }, true)}
          />
        </div>
        <slot name="actions"></slot>
        ${this.#filters()}
      </div>
      ${this.view?.isOffline ? html`<ud-notice kind="warn" .heading=${texts.offline}></ud-notice>` : nothing}
      ${this.#content()}`;
  }

  /** Whether the list has the person's own items alone. */
  get #isOwn(): boolean {
    return this.search.mine === true || this.search.deleted === true;
  }

  /** Behind an item's page the list is hidden and can wait. */
  async #refresh(): Promise<void> {
    if (this.view === undefined || !this.checkVisibility()) return;
    this.#refreshedMs = Date.now();
    await this.#listing?.refresh();
  }

  #refreshSoon(): void {
    const sinceMs = Date.now() - this.#refreshedMs;
    this.#soon ??= setTimeout(
      () => {
        this.#soon = undefined;
        void this.#refresh().catch(() => undefined);
      },
      Math.max(SOON_MS, REFRESH_MS - sinceMs),
    );
  }

  override updated(): void {
    const more = this.renderRoot.querySelector('.more');
    this.#seen.disconnect();
    if (more !== null) this.#seen.observe(more);
  }

  #filters(): TemplateResult {
    const { kind, sort, q = '', mine, deleted, tag } = this.search;
    const hasWords = q.trim() !== '';
    const sorts = hasWords ? (['best', ...SORTS] as const) : SORTS;
    const who = deleted === true ? 'deleted' : mine === true ? 'mine' : 'all';
    return html`<div class="filters" role="group" aria-label=${texts.filters.label}>
      ${this.#select(texts.filters.kind, KINDS, texts.filters.kinds, kind ?? 'all', (chosen) =>
        this.#ask({ kind: chosen === 'all' ? undefined : chosen }),
      )}
      ${this.#select(texts.filters.sort, sorts, texts.filters.sorts, sort ?? (hasWords ? 'best' : 'newest'), (chosen) =>
        this.#ask({ sort: SORTS.find((known) => known === chosen) }),
      )}
      ${
        this.signedIn
          ? this.#select(texts.filters.whose, WHO, texts.filters.who, who, (chosen) =>
              this.#ask({ mine: chosen === 'mine', deleted: chosen === 'deleted' }),
            )
          : nothing
      }
      ${
        tag === undefined
          ? nothing
          : html`<button
              class="button small"
              type="button"
              title=${texts.clearTag}
              @click=${() => this.#ask({ tag: undefined })}
            >
              ${texts.tagged(tag)}${closeIcon}
            </button>`
      }
      <slot name="kept"></slot>
      <span class="count" role="status">${this.#count()}</span>
    </div>`;
  }

  #select<T extends string>(
    label: string,
    options: readonly T[],
    names: Record<T, string>,
    chosen: string,
    changed: (chosen: T) => void,
  ): TemplateResult {
    const pick = (event: Event): void => {
      const option = options[(event.target as HTMLSelectElement).selectedIndex];
      if (option !== undefined) changed(option);
    };
    return html`<select aria-label=${label} @change=${pick}>
      ${options.map((option) => html`<option ?selected=${option === chosen}>${names[option]}</option>`)}
    </select>`;
  }

  #count(): string {
    const { view } = this;
    if (view?.items === undefined) return '';
    return texts.found(view.total, new Intl.NumberFormat('en').format(view.total));
  }

  #content(): TemplateResult {
    const { view } = this;
    const items = view?.items;
    if (view?.error !== undefined && !view.isOffline) return this.#failed();
    if (items === undefined) return skeletons;
    if (items.length === 0) return this.#empty();
    return html`<ul class=${view?.isAsking ? 'asking' : ''} aria-busy=${view?.isAsking ? 'true' : 'false'}>
        ${repeat(
          items,
          ({ item_id }) => item_id,
          (item) =>
            html`<li><ud-item-card .item=${item} ?playing=${item.item_id === this.playing}></ud-item-card></li>`,
        )}
      </ul>
      ${
        view?.hasMore
          ? html`<div class="more">
              <button class="button" type="button" ?disabled=${view.isAsking} @click=${() => this.#listing?.more()}>
                ${texts.more}
              </button>
            </div>`
          : nothing
      }`;
  }

  #failed(): TemplateResult {
    return html`<ud-notice kind="error" .heading=${texts.unreachable} .advice=${texts.unreachableAdvice}>
      <button class="button small" type="button" @click=${() => this.refresh()}>${texts.tryAgain}</button>
    </ud-notice>`;
  }

  #empty(): TemplateResult {
    const { q = '', kind, tag, mine, deleted } = this.search;
    const isSearch = q.trim() !== '' || kind !== undefined || tag !== undefined || mine === true || deleted === true;
    return html`<div class="empty">
      <div class="title" role="heading" aria-level="2">${isSearch ? texts.nothingFound : texts.empty}</div>
      <p>${isSearch ? texts.nothingFoundAdvice : texts.emptyAdvice}</p>
    </div>`;
  }

  #ask(change: Search, typed = false): void {
    this.search = { ...this.search, ...change };
    this.#listing?.ask(this.search, typed);
  }
}

const skeletons = html`<ul aria-busy="true" aria-label=${texts.loading}>
  ${[1, 2, 3, 4, 5, 6].map(
    () =>
      html`<li>
        <div class="bone picture"></div>
        <div class="bone line"></div>
      </li>`,
  )}
</ul>`;

declare global {
  interface HTMLElementTagNameMap {
    'ud-item-list': ItemList;
  }
}
