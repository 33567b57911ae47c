// <ud-item-jobs .item .me .jobs>: the jobs of an item: karaoke, with its progress and a link to its player, and
// exports, with their files. Sends `ud-item-linked` when the item has its stems.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { site, sitePath } from '../../browser/site';
import type { Jobs } from '../../jobs/api';
import { follow, hasEnded } from '../../jobs/following';
import { hasKaraoke, hasSound, mayStartJobs } from '../../jobs/rules';
import { startProblem } from '../../jobs/words';
import type { Me } from '../../protocol/account';
import type { Item } from '../../protocol/item';
import type { Job, JobId } from '../../protocol/job';
import { strings } from '../../strings';
import { sentence } from '../../strings/sentence';
import { byteSize } from '../format';
import { downloadIcon, microphoneIcon, playIcon } from '../icons';
import '../notice';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { toast } from '../toasts';
import type { ExportDialog } from './export-dialog';
import './export-dialog';
import './job-progress';

const texts = strings.jobs.item;

/** The largest number of files shown. */
const MOST_FILES = 3;

/** Whether an export is running or has a file. */
function isFile(job: Job): boolean {
  return job.kind === 'export' && (job.state === 'done' ? job.file !== undefined : !hasEnded(job));
}

@customElement('ud-item-jobs')
export class ItemJobs extends LitElement {
  /** Undefined while unknown. */
  @property({ attribute: false }) item: Item | undefined;
  @property({ attribute: false }) me: Me | undefined;
  @property({ attribute: false }) declare jobs: Jobs;
  /** The karaoke job of the item. */
  @state() private job: Job | undefined;
  /** The newest exports of the item that are running or have a file. */
  @state() private exports: readonly Job[] = [];
  @state() private problem = '';
  @state() private isStarting = false;
  @state() private isCancelling = false;
  @query('ud-export') declare private exportDialog: ExportDialog | null;
  #following: AbortController | undefined;
  #followingExports: AbortController | undefined;
  /** The id of the item whose jobs were loaded. */
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
      .files {
        display: grid;
        justify-items: start;
        gap: 8px;
        margin: var(--ud-space-3) 0 0;
        padding: 0;
        list-style: none;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .alone {
        margin-top: 8px;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#following?.abort();
    this.#followingExports?.abort();
    this.#asked = '';
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('item');
    if (before !== undefined && before.item_id !== this.item?.item_id) {
      this.#following?.abort();
      this.#followingExports?.abort();
      this.#asked = '';
      Object.assign(this, { job: undefined, exports: [], problem: '', isStarting: false, isCancelling: false });
    }
  }

  override updated(): void {
    const { item, me } = this;
    if (item !== undefined && mayStartJobs(me, item) && this.#asked !== item.item_id) void this.#look(item);
  }

  /** The dialog stays open while the page moves on to another item. */
  override render(): TemplateResult {
    return html`${this.item === undefined ? nothing : this.#offers(this.item)}
      <ud-export .item=${this.item} .jobs=${this.jobs} @ud-export-closed=${this.#lookAgain}></ud-export>`;
  }

  #offers(item: Item): TemplateResult | typeof nothing {
    const mayStart = mayStartJobs(this.me, item);
    const isShown = hasSound(item) && (mayStart || hasKaraoke(item));
    if (!isShown && !mayStart) return nothing;
    return html`${isShown ? this.#karaoke(item, mayStart) : this.#exportAlone()} ${this.#files()}`;
  }

  #karaoke(item: Item, mayStart: boolean): TemplateResult {
    const isThere = hasKaraoke(item);
    return html`<section class="card" aria-labelledby="heading">
      <div class="head">
        <div>
          <h2 id="heading">${texts.heading}</h2>
          <p class="hint">${isThere ? texts.ready : texts.advice}</p>
        </div>
        <div class="actions">
          ${isThere ? this.#ready(item) : this.#make(item)} ${mayStart ? this.#export() : nothing}
        </div>
      </div>
      ${this.#progress(item)}
    </section>`;
  }

  #exportAlone(): TemplateResult {
    return html`<div class="actions alone">${this.#export()}</div>`;
  }

  #export(): TemplateResult {
    return html`<button class="button small" type="button" @click=${() => this.exportDialog?.show()}>
      ${downloadIcon}${texts.export}
    </button>`;
  }

  #ready({ item_id, source }: Item): TemplateResult {
    return html`<a class="button small primary" href=${site(`/karaoke/${item_id}`)}> ${playIcon}${texts.open} </a> ${
        source === undefined
          ? nothing
          : html`<a class="button small" href=${site(`/library/${source}`)}>${texts.source}</a>`
      }`;
  }

  #make(item: Item): TemplateResult | typeof nothing {
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
      @click=${() => void this.#start(item)}
    >
      ${microphoneIcon}${this.isStarting ? texts.starting : texts.make}
    </button>`;
  }

  #progress(item: Item): TemplateResult | typeof nothing {
    const { job, problem } = this;
    if (problem !== '') return html`<ud-notice kind="error" .heading=${texts.refused} .advice=${problem}></ud-notice>`;
    if (job === undefined || job.state === 'cancelled' || hasKaraoke(item)) return nothing;
    if (job.state === 'failed') {
      return html`<ud-notice
        kind="error"
        .heading=${texts.failed}
        .advice=${job.error === undefined ? texts.failedAdvice : sentence(job.error)}
      ></ud-notice>`;
    }
    return html`<ud-job-progress .job=${job}></ud-job-progress>`;
  }

  #files(): TemplateResult | typeof nothing {
    if (this.exports.length === 0) return nothing;
    return html`<ul class="files" aria-label=${texts.files}>
      ${this.exports.map(({ file }, n) =>
        file === undefined
          ? html`<li>
              <ud-job-progress .job=${this.exports[n]} .label=${strings.jobs.export.progress}></ud-job-progress>
            </li>`
          : html`<li>
              <a class="button small" href=${site(sitePath(file.url))} download=${file.name}
                >${downloadIcon}${texts.file(file.name, byteSize(file.bytes))}</a
              >
            </li>`,
      )}
    </ul>`;
  }

  /** Loads the jobs that were started earlier, here or elsewhere. */
  async #look(item: Item): Promise<void> {
    const { item_id } = item;
    this.#asked = item_id;
    const page = await this.jobs.list({ item_id }).catch(() => undefined);
    if (page === undefined || this.item?.item_id !== item_id) return;
    this.#showExports(page.jobs.filter(isFile).slice(0, MOST_FILES));
    const job = hasKaraoke(item) ? undefined : page.jobs.find(({ kind }) => kind === 'stems');
    if (job === undefined || this.job !== undefined || this.isStarting) return;
    if (job.state !== 'done') this.job = job;
    if (!hasEnded(job)) this.#follow(item, job.job_id);
  }

  readonly #lookAgain = (): void => {
    if (this.item !== undefined) void this.#look(this.item);
  };

  #showExports(exports: readonly Job[]): void {
    this.exports = exports;
    this.#followingExports?.abort();
    this.#followingExports = new AbortController();
    const { signal } = this.#followingExports;
    const changed = (job: Job): void => {
      if (signal.aborted) return;
      this.exports = this.exports.map((known) => (known.job_id === job.job_id ? job : known)).filter(isFile);
    };
    for (const job of exports)
      if (!hasEnded(job)) void follow(job.job_id, { jobs: this.jobs, changed, failed: () => undefined }, signal);
  }

  async #start(item: Item): Promise<void> {
    const { item_id } = item;
    Object.assign(this, { isStarting: true, problem: '', job: undefined });
    try {
      const id = await this.jobs.create({ kind: 'stems', item_id });
      if (this.item?.item_id === item_id) this.#follow(item, id);
    } catch (error) {
      if (this.item?.item_id === item_id) this.problem = startProblem(error);
    } finally {
      if (this.item?.item_id === item_id) this.isStarting = false;
    }
  }

  #follow(item: Item, id: JobId): void {
    this.#following?.abort();
    this.#following = new AbortController();
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
