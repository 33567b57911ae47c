// <ud-stream-table .streams>: all streams, private ones included, with actions; cards on phones. A field finds one by
// title, link or id. Sends `end-stream`.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { serverTime } from '../../api/server-time';
import { site } from '../../browser/site';
import type { StreamInfo } from '../../protocol/stream';
import { strings } from '../../strings';
import { badges, stateBadge } from '../badges';
import { fields, textField } from '../fields';
import { count, since } from '../format';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { table, tables } from '../table';
import { streamIdIn } from './figures';

const texts = strings.admin.streams;

/** The operator ends a stream. */
export class EndStreamEvent extends Event {
  constructor(readonly streamId: string) {
    super('end-stream');
  }
}

@customElement('ud-stream-table')
export class StreamTable extends LitElement {
  @property({ attribute: false }) streams: readonly StreamInfo[] = [];
  @state() private wanted = '';

  static override styles = [
    base,
    buttons,
    badges,
    fields,
    surfaces,
    tables,
    css`
      .actions {
        display: inline-flex;
        gap: var(--ud-space-2);
      }
      .field {
        max-width: 440px;
        margin-bottom: var(--ud-space-4);
      }
    `,
  ];

  override render(): TemplateResult {
    if (this.streams.length === 0) return nothingHere(texts.empty, texts.emptyAdvice);
    const found = this.streams.filter((stream) => matches(stream, this.wanted));
    return html`${textField({
      id: 'find',
      label: texts.find,
      value: this.wanted,
      changed: (value) => (this.wanted = value),
    })}
    ${found.length === 0 ? nothingHere(texts.notFound, texts.notFoundAdvice) : this.#table(found)}`;
  }

  #table(streams: readonly StreamInfo[]): TemplateResult {
    return table({
      columns: [texts.stream, texts.audience, texts.state, texts.viewers, texts.since],
      actions: texts.action,
      rows: streams,
      key: ({ stream_id }) => stream_id,
      row: (stream) => this.#row(stream),
    });
  }

  #row({ stream_id, title, state, viewers, started_at_ms, visibility = 'public' }: StreamInfo): TemplateResult {
    return html`<tr role="row">
      <th scope="row" role="rowheader" dir="auto">${title}</th>
      <td role="cell" data-label=${texts.audience}>${strings.visibilities[visibility]}</td>
      <td role="cell" data-label=${texts.state}>${stateBadge(state)}</td>
      <td role="cell" data-label=${texts.viewers}>${count(viewers)}</td>
      <td role="cell" data-label=${texts.since}>${since(serverTime.nowMs() - started_at_ms)}</td>
      <td role="cell" class="end">
        <span class="actions">
          <a class="button small" href=${site(`/view/${stream_id}`)} target="_blank" rel="noopener">${texts.open}</a>
          <button class="button small danger" type="button" @click=${() => this.#end(stream_id)}>${texts.end}</button>
        </span>
      </td>
    </tr>`;
  }

  #end(streamId: string): void {
    this.dispatchEvent(new EndStreamEvent(streamId));
  }
}

/** Whether a stream matches the search text `wanted`; an empty text matches all. */
function matches({ stream_id, title }: StreamInfo, wanted: string): boolean {
  const text = wanted.trim().toLowerCase();
  return title.toLowerCase().includes(text) || stream_id === streamIdIn(text);
}

function nothingHere(heading: string, advice: string): TemplateResult {
  return html`<div class="empty">
    <h3>${heading}</h3>
    <p>${advice}</p>
  </div>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-stream-table': StreamTable;
  }
}
