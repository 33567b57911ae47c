// <ud-stream-table .streams>: the public streams with what can be done about them; cards on phones. Sends `end-stream` with a
// stream of the list, or with the id from a link for one that is not listed.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { serverTime } from '../../api/server-time';
import { site } from '../../browser/site';
import type { StreamInfo } from '../../protocol/stream';
import { strings } from '../../strings';
import { badges, stateBadge } from '../badges';
import { fields, textField } from '../fields';
import { count, since } from '../format';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { tables } from '../table';
import { streamIdIn } from './figures';

const texts = strings.admin.streams;

/** The operator wants a stream to end. */
export class EndStreamEvent extends Event {
  constructor(readonly streamId: string) {
    super('end-stream');
  }
}

@customElement('ud-stream-table')
export class StreamTable extends LitElement {
  @property({ attribute: false }) streams: readonly StreamInfo[] = [];
  @state() private link = '';
  @state() private wrong = false;

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
      form {
        display: grid;
        gap: var(--ud-space-3);
        justify-items: start;
        max-width: 440px;
        margin-top: var(--ud-space-6);
      }
      form .field {
        width: 100%;
      }
      h3 {
        font-size: var(--ud-text-m);
      }
    `,
  ];

  override render(): TemplateResult {
    return html`${this.streams.length === 0 ? empty : this.#table()}
      <form @submit=${this.#byLink}>
        <h3>${texts.byLink}</h3>
        ${textField({
          id: 'link',
          label: texts.linkLabel,
          hint: texts.linkHint,
          value: this.link,
          required: true,
          ...(this.wrong ? { error: texts.linkWrong } : {}),
          changed: (value) => (this.link = value),
        })}
        <button class="button danger">${texts.endAction}</button>
      </form>`;
  }

  #table(): TemplateResult {
    const columns = [texts.stream, texts.state, texts.viewers, texts.since];
    return html`<table class="table" role="table">
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map((name) => html`<th scope="col" role="columnheader">${name}</th>`)}
          <th scope="col" role="columnheader"><span class="visually-hidden">${texts.action}</span></th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${repeat(
          this.streams,
          ({ stream_id }) => stream_id,
          (stream) => this.#row(stream),
        )}
      </tbody>
    </table>`;
  }

  #row({ stream_id, title, state, viewers, started_at_ms }: StreamInfo): TemplateResult {
    return html`<tr role="row">
      <th scope="row" role="rowheader" dir="auto">${title}</th>
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

  #byLink(event: SubmitEvent): void {
    event.preventDefault();
    const id = streamIdIn(this.link);
    this.wrong = id === undefined;
    if (id !== undefined) this.#end(id);
  }

  #end(streamId: string): void {
    this.dispatchEvent(new EndStreamEvent(streamId));
  }
}

const empty = html`<div class="empty">
  <h3>${texts.empty}</h3>
  <p>${texts.emptyAdvice}</p>
</div>`;

declare global {
  interface HTMLElementTagNameMap {
    'ud-stream-table': StreamTable;
  }
}
