// <ud-job-table .jobs .opened filtered>: jobs with their progress; cards on phones. Below the opened job are its tasks
// and the log of its attempts. Sends `ud-job` when the operator opens, retries or cancels one.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { serverTime } from '../../api/server-time';
import { site } from '../../browser/site';
import { hasEnded } from '../../jobs/following';
import { progressText } from '../../jobs/words';
import type { Job, JobState } from '../../protocol/job';
import { strings } from '../../strings';
import { sentence } from '../../strings/sentence';
import { badges } from '../badges';
import { ago } from '../format';
import '../progress';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { table, tables } from '../table';
import './attempt-log';
import './job-progress';

const texts = strings.jobs.page;
const TONES: Record<JobState, string> = { waiting: 'warn', running: '', done: 'ok', failed: 'bad', cancelled: '' };

/** The operator opens, retries or cancels a job. */
export class JobEvent extends Event {
  constructor(
    readonly what: 'open' | 'retry' | 'cancel',
    readonly job: Job,
  ) {
    super('ud-job');
  }
}

@customElement('ud-job-table')
export class JobTable extends LitElement {
  @property({ attribute: false }) jobs: readonly Job[] = [];
  @property({ attribute: false }) opened: Job | undefined;
  /** Whether the list has only jobs of one state. */
  @property({ type: Boolean }) filtered = false;

  static override styles = [
    base,
    buttons,
    badges,
    surfaces,
    tables,
    css`
      h2 {
        font-size: var(--ud-text-l);
      }
      .name a {
        overflow-wrap: anywhere;
      }
      .table ud-progress {
        width: 13rem;
        max-width: 100%;
        white-space: normal;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: 6px;
      }
      .error {
        display: block;
        max-width: 20rem;
        margin-top: 4px;
        color: var(--ud-live);
        font-size: var(--ud-text-s);
        font-weight: 400;
        white-space: normal;
      }
      .table td.details {
        padding: 4px 0 20px;
        white-space: normal;
      }
      .table tr.opened > * {
        border-bottom: 0;
      }
      @media (max-width: 720px) {
        .table td.details {
          display: block;
          padding: 0;
          text-align: start;
        }
        .error {
          text-align: start;
        }
        .actions {
          flex: 1;
          justify-content: flex-start;
          margin-top: 6px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    if (this.jobs.length === 0) {
      return html`<div class="empty">
        <h2>${this.filtered ? texts.noneOf : texts.none}</h2>
        ${this.filtered ? nothing : html`<p>${texts.noneAdvice}</p>`}
      </div>`;
    }
    return table({
      columns: [texts.job, texts.state, texts.progress, texts.tasks, texts.startedBy, texts.when],
      actions: texts.action,
      rows: this.jobs,
      key: ({ job_id }) => job_id,
      row: (job) => this.#rows(job),
    });
  }

  #rows(job: Job): TemplateResult {
    const isOpen = this.opened?.job_id === job.job_id;
    const { kind, title, item_id, state, tasks, error } = job;
    const done = tasks.filter((task) => task.state === 'done').length;
    return html`<tr role="row" class=${isOpen ? 'opened' : ''}>
        <th scope="row" role="rowheader">
          <span class="name">
            <a href=${site(`/library/${item_id}`)} aria-label=${texts.open(title)} dir="auto">${title}</a>
            <span class="name hint">${strings.jobs.kinds[kind]}</span>
            ${error === undefined ? nothing : html`<span class="error">${sentence(error)}</span>`}
          </span>
        </th>
        <td role="cell" data-label=${texts.state}>
          <span class="badge ${TONES[state]}">${strings.jobs.states[state]}</span>
        </td>
        <td role="cell" data-label=${texts.progress}>${this.#progress(job)}</td>
        <td role="cell" data-label=${texts.tasks}>${texts.tasksOf(done, tasks.length)}</td>
        <td role="cell" data-label=${texts.startedBy}>${job.started_by ?? texts.server}</td>
        <td role="cell" data-label=${texts.when}>${ago(Math.max(0, serverTime.nowMs() - job.created_at_ms))}</td>
        <td role="cell">${this.#actions(job, isOpen)}</td>
      </tr>
      ${isOpen && this.opened !== undefined ? this.#details(this.opened) : nothing}`;
  }

  #progress(job: Job): TemplateResult {
    return html`<ud-progress
      .label=${texts.progressOf(job.title)}
      .value=${job.progress}
      .text=${progressText(job)}
      .tone=${job.state === 'failed' ? 'bad' : 'ok'}
    ></ud-progress>`;
  }

  #actions(job: Job, isOpen: boolean): TemplateResult {
    const send = (what: JobEvent['what']): void => {
      this.dispatchEvent(new JobEvent(what, job));
    };
    const mayRetry = job.state === 'failed' || job.state === 'cancelled';
    return html`<span class="actions">
      <button
        class="button small"
        type="button"
        aria-expanded=${isOpen ? 'true' : 'false'}
        aria-label=${isOpen ? texts.hideOf(job.title) : texts.detailsOf(job.title)}
        @click=${() => send('open')}
      >
        ${isOpen ? texts.hide : texts.details}
      </button>
      ${
        mayRetry
          ? html`<button class="button small" type="button" @click=${() => send('retry')}>
              ${strings.jobs.retry}
            </button>`
          : nothing
      }
      ${
        hasEnded(job)
          ? nothing
          : html`<button class="button small danger" type="button" @click=${() => send('cancel')}>
              ${strings.jobs.cancel}
            </button>`
      }
    </span>`;
  }

  #details(job: Job): TemplateResult {
    return html`<tr role="row">
      <td role="cell" class="details" colspan="7">
        <ud-job-progress .job=${job} .label=${texts.progressOf(job.title)}></ud-job-progress>
        <ud-attempt-log .job=${job}></ud-attempt-log>
      </td>
    </tr>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-job-table': JobTable;
  }
  interface HTMLElementEventMap {
    'ud-job': JobEvent;
  }
}
