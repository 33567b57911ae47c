// <ud-item-jobs .item .me .jobs>: what jobs can make of an item: karaoke, with its progress while it is made and the way to its player; a
// file. Sends `ud-item-linked` when the item has got its stems.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { site } from '../../browser/site';
import type { Jobs } from '../../jobs/api';
import { follow, hasEnded } from '../../jobs/following';
import { hasKaraoke, hasSound, mayStartJobs } from '../../jobs/rules';
import { startProblem } from '../../jobs/words';
import type { Me } from '../../protocol/account';
import type { Item } from '../../protocol/item';
import type { Job, JobId } from '../../protocol/job';
import { strings } from '../../strings';
import { downloadIcon, microphoneIcon, playIcon } from '../icons';
import '../notice';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { toast } from '../toasts';
import type { ExportDialog } from './export-dialog';
import './export-dialog';
import './job-progress';

const texts = strings.jobs.item;

@customElement('ud-item-jobs')
export class ItemJobs extends LitElement {
  @property({ attribute: false }) declare item: Item;
  @property({ attribute: false }) me: Me | undefined;
  @property({ attribute: false }) declare jobs: Jobs;
  /** The job that makes, or made, karaoke of the item. */
  @state() private job: Job | undefined;
  @state() private problem = '';
  @state() private isStarting = false;
  @state() private isCancelling = false;
  @query('ud-export') declare private exportDialog: ExportDialog | null;
  #following: AbortController | undefined;
  /** The item whose jobs were asked for. */
  #asked = '';

  static override styles = [
    base,
    block,
    buttons,
    surfaces,
    css`
      .card {
        margin-top: var(--ud-space-4);
        box-shadow: none;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 12px 16px;
      }
      h2 {
        font-size: var(--ud-text-l);
      }
      .head > div:first-child {
        flex: 1 1 14rem;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#following?.abort();
    this.#asked = '';
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('item');
    if (before !== undefined && before.item_id !== this.item.item_id) {
      this.#following?.abort();
      Object.assign(this, { job: undefined, problem: '', isStarting: false, isCancelling: false });
    }
  }

  override updated(): void {
    if (this.#mayMake && this.#asked !== this.item.item_id) void this.#look();
  }

  override render(): TemplateResult | typeof nothing {
    const { item, me } = this;
    const mayStart = mayStartJobs(me, item);
    const isShown = hasSound(item) && (mayStart || hasKaraoke(item));
    if (!isShown && !mayStart) return nothing;
    return html`${isShown ? this.#karaoke(mayStart) : this.#exportAlone()}
    ${mayStart ? html`<ud-export .item=${item} .jobs=${this.jobs}></ud-export>` : nothing}`;
  }

  get #mayMake(): boolean {
    return hasSound(this.item) && !hasKaraoke(this.item) && mayStartJobs(this.me, this.item);
  }

  #karaoke(mayStart: boolean): TemplateResult {
    const isThere = hasKaraoke(this.item);
    return html`<section class="card" aria-labelledby="heading">
      <div class="head">
        <div>
          <h2 id="heading">${texts.heading}</h2>
          <p class="hint">${isThere ? texts.ready : texts.advice}</p>
        </div>
        <div class="actions">${isThere ? this.#ready() : this.#make()} ${mayStart ? this.#export() : nothing}</div>
      </div>
      ${this.#progress()}
    </section>`;
  }

  #exportAlone(): TemplateResult {
    return html`<div class="actions">${this.#export()}</div>`;
  }

  #export(): TemplateResult {
    return html`<button class="button small" type="button" @click=${() => this.exportDialog?.show()}>
      ${downloadIcon}${texts.export}
    </button>`;
  }

  #ready(): TemplateResult {
    const { source } = this.item;
    return html`<a class="button small primary" href=${site(`/karaoke/${this.item.item_id}`)}>
        ${playIcon}${texts.open}
      </a>
      ${
        source === undefined
          ? nothing
          : html`<a class="button small" href=${site(`/library/${source}`)}>${texts.source}</a>`
      }`;
  }

  #make(): TemplateResult | typeof nothing {
    const { job } = this;
    if (job !== undefined && !hasEnded(job)) {
      return html`<button
        class="button small"
        type="button"
        ?disabled=${this.isCancelling}
        @click=${() => void this.#cancel(job.job_id)}
      >
        ${this.isCancelling ? strings.jobs.cancelling : strings.jobs.cancel}
      </button>`;
    }
    if (job?.state === 'done') return nothing;
    return html`<button
      class="button small primary"
      type="button"
      ?disabled=${this.isStarting}
      @click=${() => void this.#start()}
    >
      ${microphoneIcon}${this.isStarting ? texts.starting : texts.make}
    </button>`;
  }

  #progress(): TemplateResult | typeof nothing {
    const { job, problem } = this;
    if (problem !== '') return html`<ud-notice kind="error" .heading=${texts.refused} .advice=${problem}></ud-notice>`;
    if (job === undefined || job.state === 'cancelled' || hasKaraoke(this.item)) return nothing;
    if (job.state === 'failed') {
      return html`<ud-notice
        kind="error"
        .heading=${texts.failed}
        .advice=${job.error ?? texts.failedAdvice}
      ></ud-notice>`;
    }
    return html`<ud-job-progress .job=${job}></ud-job-progress>`;
  }

  /** A job that was started before, here or elsewhere. */
  async #look(): Promise<void> {
    const { item_id } = this.item;
    this.#asked = item_id;
    const page = await this.jobs.list({ item_id }).catch(() => undefined);
    const job = page?.jobs.find(({ kind }) => kind === 'stems');
    if (job === undefined || this.item.item_id !== item_id || this.job !== undefined || this.isStarting) return;
    if (job.state !== 'done') this.job = job;
    if (!hasEnded(job)) this.#follow(job.job_id);
  }

  async #start(): Promise<void> {
    const { item_id } = this.item;
    Object.assign(this, { isStarting: true, problem: '', job: undefined });
    try {
      const id = await this.jobs.create({ kind: 'stems', item_id });
      if (this.item.item_id === item_id) this.#follow(id);
    } catch (error) {
      if (this.item.item_id === item_id) this.problem = startProblem(error);
    } finally {
      if (this.item.item_id === item_id) this.isStarting = false;
    }
  }

  #follow(id: JobId): void {
    this.#following?.abort();
    this.#following = new AbortController();
    const { item } = this;
    const changed = (job: Job): void => {
      const wasRunning = this.job !== undefined && !hasEnded(this.job);
      this.job = job;
      if (job.state === 'done') {
        if (wasRunning) toast(texts.done(item.title));
        this.dispatchEvent(new Event('ud-item-linked', { bubbles: true, composed: true }));
      }
    };
    const failed = (): void => {
      this.problem = texts.gone;
    };
    void follow(id, { jobs: this.jobs, changed, failed }, this.#following.signal);
  }

  async #cancel(id: JobId): Promise<void> {
    this.isCancelling = true;
    try {
      await this.jobs.cancel(id);
      toast(strings.jobs.cancelled);
    } catch (error) {
      toast(startProblem(error), 'error');
    } finally {
      this.isCancelling = false;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-item-jobs': ItemJobs;
  }
}
