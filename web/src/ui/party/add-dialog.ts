// <ud-party-add .state .library .server may-upload>: a dialog to add to a party: items of the library, live streams,
// own files, which the page uploads. `show()` opens it. Sends `ud-party-action`, and `ud-choose-files`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { MainServer } from '../../api/client';
import type { Library } from '../../library/api';
import type { PartyState } from '../../protocol/party';
import type { StreamInfo } from '../../protocol/stream';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { checkIcon, plusIcon, uploadIcon } from '../icons';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';
import type { SelectEvent } from '../tabs';
import '../tabs';
import { viewers } from '../format';
import { dialogHead } from './dialog-head';
import { entryRows, entryText } from './entry-row';
import { ActionEvent } from './events';
import type { ItemPicker, PickItemEvent } from './item-picker';
import './item-picker';
import { sheets } from './sheets';

const texts = strings.party.add;
const TABS = ['library', 'live', 'upload'] as const;

@customElement('ud-party-add')
export class AddDialog extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  @property({ attribute: false }) declare library: Pick<Library, 'list'>;
  @property({ attribute: false }) declare server: Pick<MainServer, 'streams'>;
  @property({ type: Boolean, attribute: 'may-upload' }) mayUpload = false;
  /** Whether added entries are suggestions. */
  @property({ type: Boolean }) suggests = false;
  @state() private tab: string = TABS[0];
  @state() private open = false;
  @state() private streams: readonly StreamInfo[] | undefined;
  @query('dialog') declare private dialog: HTMLDialogElement;
  @query('ud-item-picker') declare private picker: ItemPicker | null;

  static override styles = [
    base,
    buttons,
    surfaces,
    dialogs,
    sheets,
    entryRows,
    css`
      .content {
        height: 34rem;
      }
      .row {
        padding-inline: 0;
      }
      .in {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        color: var(--ud-accent);
        font-size: var(--ud-text-s);
        font-weight: 600;
      }
      .in svg {
        width: 18px;
      }
      .empty strong {
        font-size: var(--ud-text-m);
      }
    `,
  ];

  show(): void {
    this.open = true;
    this.picker?.refresh();
    void this.#look();
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="heading" @close=${() => (this.open = false)}>
      ${this.open ? this.#content() : nothing}
    </dialog>`;
  }

  #content(): TemplateResult {
    return html`${dialogHead(this.suggests ? texts.suggestHeading : texts.heading, texts.close, () => this.dialog.close())}
      <div class="content">
        <ud-tabs
          .label=${texts.tabs.label}
          .tabs=${TABS.map((name) => ({ name, label: texts.tabs[name] }))}
          .selected=${this.tab}
          @ud-select=${({ selected }: SelectEvent) => (this.tab = selected)}
        >
          <ud-item-picker
            slot="library"
            .library=${this.library}
            .chosen=${this.#items}
            @ud-pick-item=${({ item }: PickItemEvent) => this.#add({ item_id: item.item_id }, item.title)}
          ></ud-item-picker>
          <div slot="live">${this.#live()}</div>
          <div slot="upload">${this.#upload()}</div>
        </ud-tabs>
      </div>`;
  }

  /** Items that are queued, or began to play as soon as they were added. */
  get #items(): ReadonlySet<string> {
    const { queue, timeline } = this.state;
    return new Set([...queue, timeline].flatMap(({ item_id }) => item_id ?? []));
  }

  #live(): TemplateResult {
    const { streams } = this;
    if (streams === undefined || streams.length === 0)
      return html`<div class="empty">
        <strong>${texts.noStreams}</strong>
        <p>${texts.noStreamsAdvice}</p>
      </div>`;
    const { queue, timeline } = this.state;
    const queued = new Set([...queue, timeline].map(({ stream_id }) => stream_id));
    return html`<ul class="rows">
      ${repeat(
        streams,
        ({ stream_id }) => stream_id,
        (stream) => this.#stream(stream, queued.has(stream.stream_id)),
      )}
    </ul>`;
  }

  #stream({ stream_id, title, thumbnail_url, viewers: watching }: StreamInfo, isIn: boolean): TemplateResult {
    const picture = thumbnail_url === undefined ? {} : { poster_url: thumbnail_url };
    return html`<li class="row">
      ${entryText({ title, hash: stream_id, stream_id, ...picture }, [viewers(watching)])}
      ${
        isIn
          ? html`<span class="in">${checkIcon} ${texts.added}</span>`
          : html`<button
              class="button small"
              type="button"
              aria-label=${texts.addOne(title)}
              @click=${() => this.#add({ stream_id }, title)}
            >
              ${plusIcon} ${texts.add}
            </button>`
      }
    </li>`;
  }

  #upload(): TemplateResult {
    if (!this.mayUpload)
      return html`<div class="empty">
        <strong>${texts.noUpload}</strong>
        <p>${texts.noUploadAdvice}</p>
      </div>`;
    return html`<div class="empty">
      <p>${texts.uploadAdvice}</p>
      <button class="button primary" type="button" @click=${this.#choose}>${uploadIcon} ${texts.upload}</button>
    </div>`;
  }

  readonly #choose = (): void => {
    this.dispatchEvent(new Event('ud-choose-files'));
    this.dialog.close();
  };

  #add(target: { item_id: string } | { stream_id: string }, title: string): void {
    const done = this.suggests ? texts.suggestedOne(title) : texts.addedOne(title);
    this.dispatchEvent(new ActionEvent({ command: 'queue', ...target }, done));
  }

  async #look(): Promise<void> {
    const streams = await this.server.streams().catch(() => []);
    this.streams = streams.filter(({ state }) => state === 'live');
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-add': AddDialog;
  }
}
