// <ud-job-progress .job label>: the progress of a job: percent, time left, its tasks in the colours of their workers,
// and what each worker is doing.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { hasEnded } from '../../jobs/following';
import { percent, progressText, stepText, workersOf, type Busy } from '../../jobs/words';
import type { Job, Task } from '../../protocol/job';
import { strings } from '../../strings';
import '../progress';
import { base, block } from '../styles';

const texts = strings.jobs.item;
/** Number of colours for workers; if there are more workers, some share one. */
const COLOURS = 6;

@customElement('ud-job-progress')
export class JobProgress extends LitElement {
  @property({ attribute: false }) declare job: Job;
  @property() label: string = texts.progress;

  static override styles = [
    base,
    block,
    css`
      :host {
        --c0: light-dark(#0b7a53, #4fe3a1);
        --c1: light-dark(#2563c9, #7db1ff);
        --c2: light-dark(#a04a00, #ffb066);
        --c3: light-dark(#8a2fb0, #dc9bff);
        --c4: light-dark(#00707f, #5fd9ea);
        --c5: light-dark(#a8325f, #ff94bd);
      }
      .pieces {
        display: flex;
        flex-wrap: wrap;
        gap: 3px;
        margin: 14px 0 0;
      }
      .piece {
        position: relative;
        flex: 1 1 14px;
        min-width: 10px;
        height: 16px;
        border-radius: 5px;
        overflow: hidden;
        background: var(--ud-line);
        color: var(--ud-line-strong);
      }
      .piece::before {
        content: '';
        position: absolute;
        inset: 0;
        background: currentColor;
        transform: scaleX(var(--done, 0));
        transform-origin: left;
        transition: transform var(--ud-calm);
      }
      .piece.failed {
        background: var(--ud-live);
      }
      .piece.running {
        animation: breathe 1.6s ease-in-out infinite;
        animation-play-state: var(--ud-loops);
      }
      .w0 {
        color: var(--c0);
      }
      .w1 {
        color: var(--c1);
      }
      .w2 {
        color: var(--c2);
      }
      .w3 {
        color: var(--c3);
      }
      .w4 {
        color: var(--c4);
      }
      .w5 {
        color: var(--c5);
      }
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 230px), 1fr));
        gap: 8px 16px;
        margin: 14px 0 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        align-items: center;
        gap: 2px 10px;
        font-size: var(--ud-text-s);
      }
      li i {
        grid-row: span 2;
        width: 12px;
        height: 12px;
        border-radius: 50%;
        background: currentColor;
      }
      .name {
        overflow: hidden;
        color: var(--ud-text);
        font-weight: 600;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .does {
        color: var(--ud-muted);
        font-variant-numeric: tabular-nums;
      }
      .idle {
        margin-top: 12px;
      }
      @keyframes breathe {
        50% {
          opacity: 0.6;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    const { job } = this;
    const { all, busy } = workersOf(job);
    const done = job.tasks.filter(({ state }) => state === 'done').length;
    return html`<ud-progress
        .label=${this.label}
        .value=${job.state === 'waiting' ? undefined : job.progress}
        .text=${progressText(job)}
        .tone=${job.state === 'failed' ? 'bad' : 'ok'}
      ></ud-progress>
      ${
        job.tasks.length < 2
          ? nothing
          : html`<div class="pieces" role="img" aria-label=${texts.piecesOf(done, job.tasks.length)}>
              ${job.tasks.map((task) => this.#piece(task, all))}
            </div>`
      }
      ${hasEnded(job) ? nothing : this.#workers(busy, all)}`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (!changed.has('job')) return;
    const pieces = this.renderRoot.querySelectorAll<HTMLElement>('.piece');
    // The pages' content security policy forbids style attributes, but scripts may set styles.
    this.job.tasks.forEach((task, i) => pieces[i]?.style.setProperty('--done', String(shown(task))));
  }

  #piece(task: Task, all: readonly string[]): TemplateResult {
    const { n, step, state, worker = '' } = task;
    const words = texts.piece(n + 1, stepText(step), strings.jobs.taskStates[state], worker);
    return html`<span class="piece ${state} ${colour(worker, all)}" title=${words}></span>`;
  }

  #workers(busy: readonly Busy[], all: readonly string[]): TemplateResult {
    if (busy.length === 0) return html`<p class="hint idle">${texts.idle}</p>`;
    return html`<ul aria-label=${texts.workers}>
      ${busy.map(
        ({ worker, tasks }) =>
          html`<li class=${colour(worker, all)}>
            <i></i><span class="name">${worker}</span>
            <span class="does">
              ${tasks.map(({ step, progress }) => texts.working(stepText(step), percent(progress))).join('; ')}
            </span>
          </li>`,
      )}
    </ul>`;
  }
}

function shown({ state, progress }: Task): number {
  if (state === 'done') return 1;
  return state === 'running' ? Math.max(0.08, progress) : 0;
}

function colour(worker: string, all: readonly string[]): string {
  const place = all.indexOf(worker);
  return place < 0 ? '' : `w${place % COLOURS}`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-job-progress': JobProgress;
  }
}
