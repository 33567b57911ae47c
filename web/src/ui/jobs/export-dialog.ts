// <ud-export .item .jobs>: a dialog that exports an item, or a clip of it, as a file in another format or size, and
// offers the file. `show()` opens it for the current item. The job continues after the dialog closes, which sends
// `ud-export-closed`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { site, sitePath } from '../../browser/site';
import type { Jobs } from '../../jobs/api';
import { readClip } from '../../jobs/clip';
import { follow, hasEnded } from '../../jobs/following';
import { exportFormats } from '../../jobs/rules';
import { startProblem } from '../../jobs/words';
import type { CallError } from '../../protocol/error';
import type { Item } from '../../protocol/item';
import type { ExportFormat, ExportQuality, Job, JobParams, ResultFile } from '../../protocol/job';
import { strings } from '../../strings';
import { sentence } from '../../strings/sentence';
import { dialogs } from '../dialogs';
import { fields, selectField, textField } from '../fields';
import { byteSize, runningTime } from '../format';
import { downloadIcon } from '../icons';
import '../notice';
import { dialogHead } from '../party/dialog-head';
import { sheets } from '../party/sheets';
import { Submission } from '../people/submission';
import { base, buttons } from '../styles';
import { toast } from '../toasts';
import './job-progress';

const texts = strings.jobs.export;
const QUALITIES: readonly (ExportQuality | 'same')[] = ['same', 'high', 'small'];

@customElement('ud-export')
export class ExportDialog extends LitElement {
  @property({ attribute: false }) item: Item | undefined;
  @property({ attribute: false }) declare jobs: Jobs;
  /** The item for which the dialog was opened; the page may have moved on to another one. */
  @state() private shown: Item | undefined;
  @state() private format: ExportFormat | undefined;
  @state() private quality: ExportQuality | 'same' = 'same';
  @state() private isClip = false;
  @state() private from = '';
  @state() private to = '';
  @state() private wrong: 'from' | 'to' | 'order' | undefined;
  @state() private job: Job | undefined;
  @query('dialog') declare private dialog: HTMLDialogElement;
  readonly #submission = new Submission(this);
  #following: AbortController | undefined;

  static override styles = [
    base,
    buttons,
    fields,
    dialogs,
    sheets,
    css`
      .quality {
        display: grid;
        gap: 6px;
      }
      .clip {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 12px;
      }
      .clip > .hint,
      .clip > .error {
        grid-column: 1 / -1;
      }
    `,
  ];

  show(): void {
    if (this.shown?.item_id !== this.item?.item_id) this.#forget();
    this.shown = this.item;
    this.#submission.clear();
    this.dialog.showModal();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#following?.abort();
  }

  override render(): TemplateResult {
    const { job, shown = this.item } = this;
    return html`<dialog aria-labelledby="heading" @close=${() => this.dispatchEvent(new Event('ud-export-closed'))}>
      ${shown === undefined ? nothing : dialogHead(texts.heading(shown.title), texts.close, () => this.dialog.close())}
      <div class="content">
        ${shown === undefined ? nothing : job === undefined ? this.#form(shown) : this.#job(job)}
      </div>
    </dialog>`;
  }

  /** The chosen format, or the first one that suits the item. */
  #chosen(item: Item): ExportFormat | undefined {
    const formats = exportFormats(item);
    return formats.find((format) => format === this.format) ?? formats[0];
  }

  #form(item: Item): TemplateResult {
    const formats = exportFormats(item);
    const chosen = this.#chosen(item);
    const { busy, problem } = this.#submission;
    return html`<form @submit=${(event: Event) => this.#submit(event, item)} novalidate>
      ${selectField({
        id: 'format',
        label: texts.format,
        options: formats.map((format) => texts.formats[format]),
        chosen: formats.findIndex((format) => format === chosen),
        changed: (index) => (this.format = formats[index]),
      })}
      <div class="quality">
        ${selectField({
          id: 'quality',
          label: texts.quality,
          options: QUALITIES.map((quality) => texts.qualities[quality]),
          chosen: QUALITIES.indexOf(this.quality),
          changed: (index) => (this.quality = QUALITIES[index] ?? 'same'),
        })}
        <p class="hint">${texts.qualityHint}</p>
      </div>
      <label class="check">
        <input
          type="checkbox"
          .checked=${this.isClip}
          @change=${(event: Event) => (this.isClip = (event.target as HTMLInputElement).checked)}
        />
        ${texts.clip}
      </label>
      ${this.isClip ? this.#clip(item) : nothing}
      ${problem === '' ? nothing : html`<p class="error" role="alert">${problem}</p>`}
      <div class="actions">
        <button class="button" type="button" @click=${() => this.dialog.close()}>${strings.cancel}</button>
        <button class="button primary" ?disabled=${busy}>${texts.start}</button>
      </div>
    </form>`;
  }

  #clip(item: Item): TemplateResult {
    const { wrong } = this;
    return html`<div class="clip">
      ${textField({
        id: 'from',
        label: texts.from,
        value: this.from,
        placeholder: '0:00',
        error: wrong === 'from' ? texts.wrongTime : '',
        changed: (value) => (this.from = value),
      })}
      ${textField({
        id: 'to',
        label: texts.to,
        value: this.to,
        placeholder: runningTime(item.duration_ms),
        error: wrong === 'to' ? texts.wrongTime : '',
        changed: (value) => (this.to = value),
      })}
      ${
        wrong === 'order'
          ? html`<span class="error" role="alert">${texts.wrongOrder}</span>`
          : html`<span class="hint">${texts.timeHint}</span>`
      }
    </div>`;
  }

  #job(job: Job): TemplateResult {
    const actions = hasEnded(job)
      ? html`<button class="button" type="button" @click=${() => this.#forget()}>${texts.again}</button>`
      : html`<button class="button" type="button" @click=${() => void this.#cancel(job)}>
          ${strings.jobs.cancel}
        </button>`;
    return html`${this.#outcome(job)}
      <div class="actions">${actions} ${job.file === undefined ? nothing : this.#download(job.file)}</div>`;
  }

  #outcome(job: Job): TemplateResult {
    const { file } = job;
    if (job.state === 'done' && file !== undefined) {
      return html`<div role="status">
        <strong>${texts.ready(file.name, byteSize(file.bytes))}</strong>
        <p class="hint">${texts.days}</p>
      </div>`;
    }
    if (job.state === 'failed' || job.state === 'cancelled') {
      const advice = job.state === 'cancelled' ? strings.jobs.cancelled : sentence(job.error ?? '');
      return html`<ud-notice kind="error" .heading=${texts.failed} .advice=${advice}></ud-notice>`;
    }
    return html`<ud-job-progress .job=${job} .label=${texts.progress}></ud-job-progress>`;
  }

  #download({ name, url }: ResultFile): TemplateResult {
    return html`<a class="button primary" href=${site(sitePath(url))} download=${name}
      >${downloadIcon}${texts.download}</a
    >`;
  }

  #submit(event: Event, item: Item): void {
    event.preventDefault();
    const params = this.#params(item);
    if (params === undefined) return;
    const { item_id } = item;
    void this.#submission.run(async () => {
      this.#follow(await this.jobs.create({ kind: 'export', item_id, params }));
    }, startProblem);
  }

  #params(item: Item): JobParams | undefined {
    this.wrong = undefined;
    const format = this.#chosen(item);
    const params: JobParams = {
      ...(format === undefined ? {} : { format }),
      ...(this.quality === 'same' ? {} : { quality: this.quality }),
    };
    if (!this.isClip) return params;
    const read = readClip(this.from, this.to, item.duration_ms);
    if ('clip' in read) return { ...params, ...read.clip };
    this.wrong = read.wrong;
    return undefined;
  }

  #follow(id: string): void {
    this.#following?.abort();
    this.#following = new AbortController();
    const { signal } = this.#following;
    const changed = (job: Job): void => {
      if (!signal.aborted) this.job = job;
    };
    const failed = (error: CallError): void => {
      this.#forget();
      void this.#submission.run(() => Promise.reject(error), startProblem);
    };
    void follow(id, { jobs: this.jobs, changed, failed }, signal);
  }

  async #cancel({ job_id }: Job): Promise<void> {
    try {
      await this.jobs.cancel(job_id);
      this.#forget();
    } catch (error) {
      toast(startProblem(error), 'error');
    }
  }

  #forget(): void {
    this.#following?.abort();
    Object.assign(this, { job: undefined, wrong: undefined });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-export': ExportDialog;
  }
}
