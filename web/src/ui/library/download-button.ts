// <ud-download .playing label small>: saves an item as a file, with progress, using the fragments already stored in
// this browser.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { DownloadProgress } from '../../library/download';
import type { Playing, SavedFile } from '../../library/playing';
import { strings } from '../../strings';
import { byteSize } from '../format';
import { downloadIcon } from '../icons';
import '../progress';
import { base, block, buttons } from '../styles';

const texts = strings.library.download;
/** How long the address of a saved file stays valid, because the browser reads it after the click. */
const SAVING_MS = 60_000;

@customElement('ud-download')
export class DownloadButton extends LitElement {
  @property({ attribute: false }) declare playing: Pick<Playing, 'file'>;
  /** The label of the button. */
  @property() label: string = texts.start;
  @property({ type: Boolean }) small = false;
  @state() private progress: DownloadProgress | undefined;
  @state() private told = '';
  @state() private running: AbortController | undefined;

  static override styles = [
    base,
    block,
    buttons,
    css`
      .row {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: 4px 12px;
      }
      .hint {
        margin-top: 8px;
        overflow-wrap: anywhere;
      }
      .hint:empty {
        display: none;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.running?.abort();
  }

  override render(): TemplateResult {
    const { progress } = this;
    const kept =
      progress && progress.keptBytes > 0 ? texts.kept(byteSize(progress.keptBytes), byteSize(progress.totalBytes)) : '';
    return html`${this.running === undefined ? this.#start() : this.#row(this.running, progress)}
      <p class="hint" role="status">${[kept, this.told].filter(Boolean).join('. ') || nothing}</p>`;
  }

  #start(): TemplateResult {
    return html`<button class="button ${this.small ? 'small' : ''}" type="button" @click=${this.#save}>
      ${downloadIcon}${this.label}
    </button>`;
  }

  /** The file's size is unknown at first. */
  #row(running: AbortController, progress: DownloadProgress | undefined): TemplateResult {
    const { keptBytes = 0, fetchedBytes = 0, totalBytes = 0 } = progress ?? {};
    const done = keptBytes + fetchedBytes;
    return html`<div class="row">
      <ud-progress
        .label=${texts.label}
        .value=${totalBytes === 0 ? undefined : done / totalBytes}
        .text=${progress === undefined ? '' : texts.progress(byteSize(done), byteSize(totalBytes))}
      ></ud-progress>
      <button class="button small" type="button" @click=${() => running.abort()}>${texts.cancel}</button>
    </div>`;
  }

  readonly #save = async (): Promise<void> => {
    const running = new AbortController();
    Object.assign(this, { running, progress: undefined, told: '' });
    try {
      const file = await this.playing.file((progress) => (this.progress = progress), running.signal);
      save(file);
      this.told =
        typeof file.content === 'string'
          ? texts.byServer
          : texts.done(file.name, byteSize(this.progress?.fetchedBytes ?? 0));
    } catch {
      if (running.signal.aborted) this.progress = undefined;
      else this.told = texts.failed;
    } finally {
      this.running = undefined;
    }
  };
}

function save({ name, content }: SavedFile): void {
  const link = document.createElement('a');
  link.download = name;
  link.href = typeof content === 'string' ? content : URL.createObjectURL(content);
  link.click();
  if (typeof content !== 'string') setTimeout(() => URL.revokeObjectURL(link.href), SAVING_MS);
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-download': DownloadButton;
  }
}
