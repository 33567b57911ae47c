// <ud-jobs-overview .jobs>: jobs, by state, and workers, for operators. Polls the main server while it is visible; sends `session-over` when
// the operator has to sign in again.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { Poll } from '../../api/poll';
import type { Jobs } from '../../jobs/api';
import { isSignedOut, refusalText } from '../../people/problems';
import type { Job, JobState, Workers } from '../../protocol/job';
import { strings } from '../../strings';
import { Asking, SessionOverEvent } from '../asking';
import { fields, selectField } from '../fields';
import { count } from '../format';
import '../notice';
import '../progress';
import { base, buttons } from '../styles';
import { figures, surfaces } from '../surfaces';
import type { SelectEvent } from '../tabs';
import '../tabs';
import type { JobEvent } from './job-table';
import './job-table';
import './worker-table';

const texts = strings.jobs.page;
/** How often the main server is polled while the page is visible. */
const LOOK_MS = 2_000;
const STATES: readonly JobState[] = ['running', 'waiting', 'failed', 'done', 'cancelled'];

@customElement('ud-jobs-overview')
export class JobsOverview extends LitElement {
  @property({ attribute: false }) declare jobs: Jobs;
  @state() private found: { jobs: readonly Job[]; total: number; next: string | undefined } | undefined;
  @state() private workers: Workers | undefined;
  @state() private problem = '';
  @state() private section = 'jobs';
  @state() private filter: JobState | undefined;
  /** The job whose details are shown. */
  @state() private opened: Job | undefined;
  /** Jobs of further pages, which are not polled. */
  @state() private further: readonly Job[] = [];
  @state() private furtherNext: string | undefined;
  readonly #asking = new Asking(this, () => this.#look());
  #poll: Poll | undefined;
  /** Counts the polls, so that an answer from before a change of the filter is dropped. */
  #asked = 0;

  static override styles = [
    base,
    buttons,
    fields,
    surfaces,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-4);
      }
      .filter {
        max-width: 15rem;
        margin-bottom: var(--ud-space-3);
      }
      .more {
        display: grid;
        justify-content: center;
        margin-top: 20px;
      }
    `,
  ];

  override firstUpdated(): void {
    this.#poll = new Poll(LOOK_MS, () => this.#look());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
  }

  override render(): TemplateResult {
    const { found, workers } = this;
    const stale = html`<ud-notice kind="warn" heading=${texts.stale} advice=${this.problem}></ud-notice>`;
    return html`${this.problem === '' ? nothing : stale}
    ${
      found === undefined || workers === undefined
        ? html`<ud-progress label=${texts.loading}></ud-progress>`
        : this.#sections(found.jobs, found.total, workers)
    }
    ${this.#asking.dialog()}`;
  }

  #sections(jobs: readonly Job[], total: number, workers: Workers): TemplateResult {
    return html`${totals(workers)} ${waitsForever(workers)}
      <ud-tabs
        .label=${texts.sections}
        .tabs=${[
          { name: 'jobs', label: texts.jobsTab(total) },
          { name: 'workers', label: texts.workersTab(workers.workers.length) },
        ]}
        .selected=${this.section}
        @ud-select=${({ selected }: SelectEvent) => (this.section = selected)}
      >
        <div slot="jobs">${this.#jobs(jobs)}</div>
        <ud-worker-table slot="workers" .workers=${workers.workers}></ud-worker-table>
      </ud-tabs>`;
  }

  #jobs(jobs: readonly Job[]): TemplateResult {
    const next = this.further.length === 0 ? this.found?.next : this.furtherNext;
    const known = new Set(jobs.map(({ job_id }) => job_id));
    const rest = this.further.filter(({ job_id }) => !known.has(job_id));
    return html`<div class="filter">
        ${selectField({
          id: 'state',
          label: texts.filter,
          options: [texts.all, ...STATES.map((state) => strings.jobs.states[state])],
          chosen: this.filter === undefined ? 0 : STATES.indexOf(this.filter) + 1,
          changed: (index) => this.#choose(STATES[index - 1]),
        })}
      </div>
      <ud-job-table
        .jobs=${[...jobs, ...rest]}
        .opened=${this.opened}
        ?filtered=${this.filter !== undefined}
        @ud-job=${this.#asks}
      ></ud-job-table>
      ${
        next === undefined
          ? nothing
          : html`<div class="more">
              <button class="button" type="button" @click=${() => void this.#more(next)}>${texts.more}</button>
            </div>`
      }`;
  }

  #choose(filter: JobState | undefined): void {
    this.filter = filter;
    Object.assign(this, { further: [], furtherNext: undefined });
    void this.#look().catch(() => undefined);
  }

  readonly #asks = ({ what, job }: JobEvent): void => {
    const { jobs } = this;
    if (what === 'open') void this.#open(job);
    else if (what === 'retry') {
      void this.#asking.run({ act: () => jobs.retry(job.job_id), done: strings.jobs.retried });
    } else {
      this.#asking.ask({
        heading: texts.cancelHeading(job.title),
        advice: texts.cancelAdvice,
        action: texts.cancelAction,
        done: strings.jobs.cancelled,
        act: () => jobs.cancel(job.job_id),
      });
    }
  };

  async #open(job: Job): Promise<void> {
    if (this.opened?.job_id === job.job_id) this.opened = undefined;
    else {
      this.opened = job;
      await this.#readOpened().catch(() => undefined);
    }
  }

  /** Loads the opened job with its logs, which the list omits. */
  async #readOpened(): Promise<void> {
    const id = this.opened?.job_id;
    if (id === undefined) return;
    const job = await this.jobs.job(id);
    if (this.opened?.job_id === id) this.opened = job;
  }

  async #look(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const [page, workers] = await Promise.all([
        this.jobs.list({ state: this.filter }),
        this.jobs.workers(),
        // A deleted job stays displayed.
        this.#readOpened().catch(() => undefined),
      ]);
      if (asked !== this.#asked) return;
      Object.assign(this, {
        found: { jobs: page.jobs, total: page.total, next: page.next_cursor },
        workers,
        problem: '',
      });
    } catch (error) {
      if (asked !== this.#asked) return;
      this.problem = refusalText(error);
      if (isSignedOut(error)) this.dispatchEvent(new SessionOverEvent());
      throw error;
    }
  }

  async #more(cursor: string): Promise<void> {
    const { filter } = this;
    try {
      const page = await this.jobs.list({ state: filter, cursor });
      if (filter !== this.filter) return;
      this.further = [...this.further, ...page.jobs];
      this.furtherNext = page.next_cursor;
    } catch (error) {
      this.problem = refusalText(error);
    }
  }
}

function totals({ workers, waiting }: Workers): TemplateResult {
  const busy = workers.reduce((sum, { tasks }) => sum + tasks.length, 0);
  const slots = workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  return figures([
    [texts.figures.waiting, count(waiting)],
    [texts.figures.running, count(busy)],
    [texts.figures.workers, count(workers.length)],
    [texts.figures.slots, count(slots)],
  ]);
}

function waitsForever({ workers, waiting }: Workers): TemplateResult | typeof nothing {
  if (workers.length > 0 || waiting === 0) return nothing;
  return html`<ud-notice kind="warn" heading=${texts.noWorkers} advice=${texts.noWorkersAdvice}></ud-notice>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-jobs-overview': JobsOverview;
  }
}
