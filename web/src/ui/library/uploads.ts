// <ud-uploads>: uploads into the library, each with its progress. `choose()` asks for files; files dropped anywhere on
// the page are uploaded too. Sends `uploaded` when an item is ready.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { site } from '../../browser/site';
import { uploadProblem } from '../../library/upload/problems';
import type { UploadView, Uploads } from '../../library/upload/uploads';
import { strings } from '../../strings';
import { byteSize } from '../format';
import { closeIcon, pauseIcon, playIcon, uploadIcon } from '../icons';
import '../progress';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';

const texts = strings.uploads;

@customElement('ud-uploads')
export class UploadList extends LitElement {
  @property({ attribute: false }) declare uploads: Uploads;
  /** Grows whenever an upload changed. */
  @property({ type: Number }) version = 0;
  @state() private dragging = false;
  @query('input') declare private input: HTMLInputElement;

  static override styles = [
    base,
    buttons,
    surfaces,
    css`
      /* Without uploads it takes no place in the page. */
      :host {
        display: contents;
      }
      h2 {
        font-size: var(--ud-text-m);
      }
      ul {
        display: grid;
        gap: var(--ud-space-3);
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--ud-space-1) var(--ud-space-3);
      }
      li + li {
        padding-top: var(--ud-space-3);
        border-top: 1px solid var(--ud-line);
      }
      strong {
        display: block;
        font-size: var(--ud-text-s);
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .error {
        color: var(--ud-live-text, var(--ud-live));
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        gap: var(--ud-space-1);
      }
      ud-progress {
        grid-column: 1 / -1;
      }
      .drop {
        position: fixed;
        inset: var(--ud-space-3);
        z-index: 20;
        place-content: center;
        background: color-mix(in srgb, var(--ud-bg) 96%, transparent);
        border-color: var(--ud-accent);
        pointer-events: none;
      }
      .drop strong {
        font-size: var(--ud-text-l);
      }
      .drop svg {
        width: 40px;
        height: 40px;
        color: var(--ud-accent);
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('dragover', this.#over);
    addEventListener('dragleave', this.#leave);
    addEventListener('drop', this.#drop);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('dragover', this.#over);
    removeEventListener('dragleave', this.#leave);
    removeEventListener('drop', this.#drop);
  }

  /** Opens the file dialog. */
  choose(): void {
    this.input.click();
  }

  override render(): TemplateResult {
    const { views } = this.uploads;
    return html`<input type="file" multiple hidden accept="audio/*,video/*,.mkv,.flac" @change=${this.#chosen} />
      ${views.length === 0 ? nothing : this.#list(views)}
      ${
        this.dragging
          ? html`<div class="empty drop">
              ${uploadIcon} <strong>${texts.drop}</strong>
              <p>${texts.dropAdvice}</p>
            </div>`
          : nothing
      }`;
  }

  #list(views: readonly UploadView[]): TemplateResult {
    return html`<section class="card" aria-labelledby="heading">
      <h2 id="heading">${texts.heading}</h2>
      <ul>
        ${repeat(
          views,
          ({ id }) => id,
          (view) => this.#row(view),
        )}
      </ul>
    </section>`;
  }

  #row(view: UploadView): TemplateResult {
    const { name, phase, problem, sentBytes, bytes } = view;
    const runs = phase === 'sending' || phase === 'waiting' || phase === 'reading' || phase === 'paused';
    return html`<li>
      <div>
        <strong dir="auto">${name}</strong>
        ${
          problem === undefined
            ? html`<span class="hint">
                ${phase === 'sending' ? texts.sending(byteSize(sentBytes), byteSize(bytes)) : texts.states[phase]}
              </span>`
            : html`<span class="hint error" role="alert">${uploadProblem(problem)}</span>`
        }
      </div>
      <div class="actions">${this.#actions(view)}</div>
      ${runs ? html`<ud-progress label=${texts.progress(name)} .value=${shareOf(view)}></ud-progress>` : nothing}
    </li>`;
  }

  #actions({ id, name, phase, problem, itemId }: UploadView): TemplateResult {
    const button = (label: string, icon: TemplateResult, act: () => void): TemplateResult =>
      html`<button class="button small quiet icon" type="button" aria-label=${label} title=${label} @click=${act}>
        ${icon}
      </button>`;
    const { uploads } = this;
    // Retrying a file that the server refused would fail again.
    return html`${phase === 'done' ? html`<a class="button small" href=${site(`/library/${itemId}`)}>${texts.open}</a>` : nothing}
    ${phase === 'sending' ? button(texts.pause(name), pauseIcon, () => uploads.pause(id)) : nothing}
    ${phase === 'paused' ? button(texts.resume(name), playIcon, () => uploads.resume(id)) : nothing}
    ${
      phase === 'failed' && typeof problem !== 'string'
        ? html`<button
            class="button small"
            type="button"
            aria-label=${texts.again(name)}
            @click=${() => uploads.resume(id)}
          >
            ${strings.library.tryAgain}
          </button>`
        : nothing
    }
    ${button(itemId === undefined && phase !== 'failed' ? texts.cancel(name) : texts.remove(name), closeIcon, () => uploads.remove(id))}`;
  }

  readonly #chosen = (): void => {
    this.uploads.add(this.input.files ?? []);
    // Lets the same file be chosen again.
    this.input.value = '';
  };

  readonly #over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    this.dragging = true;
  };

  readonly #leave = (event: DragEvent): void => {
    // `relatedTarget` is null only when the pointer leaves the page.
    if (event.relatedTarget === null) this.dragging = false;
  };

  readonly #drop = (event: DragEvent): void => {
    this.dragging = false;
    const files = event.dataTransfer?.files;
    if (!files || files.length === 0) return;
    event.preventDefault();
    this.uploads.add(files);
  };
}

/** The sent share of a file or, once it is sent, the share that the server has read. */
function shareOf({ phase, bytes, sentBytes, readPercent }: UploadView): number | undefined {
  if (phase === 'reading') return readPercent === undefined ? undefined : readPercent / 100;
  return bytes === 0 ? 0 : sentBytes / bytes;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-uploads': UploadList;
  }
}
