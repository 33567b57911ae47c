// <ud-worker-table .workers>: the workers and their load; cards on phones.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { serverTime } from '../../api/server-time';
import type { WorkerState } from '../../protocol/job';
import { strings } from '../../strings';
import { ago, count } from '../format';
import '../progress';
import { base } from '../styles';
import { surfaces } from '../surfaces';
import { table, tables } from '../table';

const texts = strings.jobs.page;

@customElement('ud-worker-table')
export class WorkerTable extends LitElement {
  @property({ attribute: false }) workers: readonly WorkerState[] = [];

  static override styles = [
    base,
    surfaces,
    tables,
    css`
      h2 {
        font-size: var(--ud-text-l);
      }
    `,
  ];

  override render(): TemplateResult {
    if (this.workers.length === 0) {
      return html`<div class="empty">
        <h2>${texts.noWorkers}</h2>
        <p>${texts.noWorkersAdvice}</p>
      </div>`;
    }
    return table({
      columns: [texts.worker, texts.busy, texts.abilities, texts.done, texts.failed, texts.seen],
      rows: this.workers,
      key: ({ worker_id }) => worker_id,
      row: (worker) => this.#row(worker),
    });
  }

  #row({ name, version, concurrency, tasks, abilities, done, failed, seen_at_ms }: WorkerState): TemplateResult {
    const silentMs = Math.max(0, serverTime.nowMs() - seen_at_ms);
    return html`<tr role="row">
      <th scope="row" role="rowheader">
        <span class="name">${name} <span class="name hint">${version}</span></span>
      </th>
      <td role="cell" data-label=${texts.busy}>
        <ud-progress
          .label=${texts.load(name)}
          .value=${concurrency === 0 ? 0 : tasks.length / concurrency}
          .text=${texts.busyOf(tasks.length, concurrency)}
        ></ud-progress>
      </td>
      <td role="cell" data-label=${texts.abilities}>${abilities.join(', ')}</td>
      <td role="cell" data-label=${texts.done}>${count(done)}</td>
      <td role="cell" data-label=${texts.failed}>${count(failed)}</td>
      <td role="cell" data-label=${texts.seen}>${ago(silentMs)}</td>
    </tr>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-worker-table': WorkerTable;
  }
}
