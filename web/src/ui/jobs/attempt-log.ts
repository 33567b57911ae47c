// <ud-attempt-log .job>: every attempt at a task of a job, in order of time: worker, duration and outcome.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { stepText } from '../../jobs/words';
import type { Attempt, Job, Task } from '../../protocol/job';
import { strings } from '../../strings';
import { base, block } from '../styles';

const texts = strings.jobs.page;

@customElement('ud-attempt-log')
export class AttemptLog extends LitElement {
  @property({ attribute: false }) declare job: Job;

  static override styles = [
    base,
    block,
    css`
      :host {
        margin-top: 16px;
      }
      .scroll {
        max-height: 320px;
        overflow: auto;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius);
        background: var(--ud-bg);
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: var(--ud-text-s);
        font-variant-numeric: tabular-nums;
      }
      th,
      td {
        padding: 7px 12px;
        border-bottom: 1px solid var(--ud-line);
        text-align: start;
        white-space: nowrap;
      }
      tr:last-child td {
        border-bottom: 0;
      }
      thead th {
        position: sticky;
        top: 0;
        background: var(--ud-surface-2);
        color: var(--ud-muted);
        font-weight: 500;
      }
      td.outcome {
        min-width: 12rem;
        white-space: normal;
        overflow-wrap: anywhere;
      }
      .bad {
        color: var(--ud-live);
        font-weight: 600;
      }
    `,
  ];

  override render(): TemplateResult {
    const entries = this.job.tasks
      .flatMap((task) => (task.log ?? []).map((attempt) => ({ task, attempt })))
      .sort((a, b) => a.attempt.began_at_ms - b.attempt.began_at_ms);
    if (entries.length === 0) return html`<p class="hint">${texts.noAttempts}</p>`;
    const columns = [texts.began, texts.task, texts.step, texts.attempt, texts.worker, texts.took, texts.outcome];
    // A scrolling region must be reachable by keyboard.
    return html`<div class="scroll" role="region" tabindex="0" aria-label=${texts.log(this.job.title)}>
      <table>
        <thead>
          <tr>
            ${columns.map((name) => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${entries.map(({ task, attempt }) => this.#row(task, attempt))}
        </tbody>
      </table>
    </div>`;
  }

  #row(task: Task, { n, worker, began_at_ms, ended_at_ms, outcome }: Attempt): TemplateResult {
    const took = ended_at_ms === undefined ? '' : seconds(ended_at_ms - began_at_ms);
    const said = outcome ?? texts.running;
    const isBad = outcome !== undefined && outcome !== 'done';
    return html`<tr>
      <td>${new Date(began_at_ms).toLocaleTimeString()}</td>
      <td>${task.n + 1}</td>
      <td>${stepText(task.step)}</td>
      <td>${n}</td>
      <td>${worker}</td>
      <td>${took}</td>
      <td class="outcome ${isBad ? 'bad' : ''}">${said}</td>
    </tr>`;
  }
}

function seconds(ms: number): string {
  return `${new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(Math.max(0, ms) / 1000)} s`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-attempt-log': AttemptLog;
  }
}
