// <ud-lyrics .lines .positionMs may-edit has-file>: the lyrics of a song. The current line is large and in the middle; a press on a line
// seeks to it. People who may edit can add, replace and remove the LRC file. Sends `ud-seek`, `ud-lyrics-file` and `ud-lyrics-remove`.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { lineAt, MAX_LRC_BYTES, readLrc, type LyricLine } from '../../karaoke/lrc';
import { strings } from '../../strings';
import type { Confirm } from '../confirm';
import '../confirm';
import { runningTime } from '../format';
import { binIcon, uploadIcon } from '../icons';
import { SeekEvent } from '../library/timeline';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';

const texts = strings.karaoke.lyrics;
/** After the person scrolled, automatic scrolling stops for this time. */
const LEFT_ALONE_MS = 4_000;

/** A file with lyrics was chosen. */
export class LyricsFileEvent extends Event {
  constructor(readonly lrc: string) {
    super('ud-lyrics-file');
  }
}

@customElement('ud-lyrics')
export class Lyrics extends LitElement {
  /** Undefined while loading. */
  @property({ attribute: false }) lines: readonly LyricLine[] | undefined;
  @property({ type: Number }) positionMs = 0;
  @property({ type: Boolean, attribute: 'may-edit' }) mayEdit = false;
  /** Whether the song has a file with lyrics. */
  @property({ type: Boolean, attribute: 'has-file' }) hasFile = false;
  @state() private problem = '';
  @query('.lines') declare private scroller: HTMLElement | null;
  @query('input') declare private input: HTMLInputElement | null;
  @query('ud-confirm') declare private confirm: Confirm | null;
  #shown = -2;
  #scrolledAt = -Infinity;

  static override styles = [
    base,
    block,
    buttons,
    surfaces,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
        min-height: var(--ud-target);
      }
      h2 {
        flex: 1;
        font-size: var(--ud-text-l);
      }
      ol {
        position: relative;
        flex: 1;
        min-height: 0;
        margin: 8px 0 0;
        padding: 22% 0;
        overflow-y: auto;
        overscroll-behavior: contain;
        list-style: none;
        scrollbar-width: thin;
        mask-image: linear-gradient(transparent, #000 14%, #000 86%, transparent);
      }
      .line {
        display: block;
        width: 100%;
        min-height: var(--ud-target);
        padding: 6px 12px;
        border: 0;
        border-radius: var(--ud-radius-small);
        background: none;
        color: var(--ud-muted);
        font: inherit;
        font-size: clamp(1.05rem, 0.9rem + 0.8vw, 1.4rem);
        font-weight: 600;
        line-height: 1.35;
        text-align: start;
        cursor: pointer;
        transition: color var(--ud-calm);
      }
      .line:hover {
        background: var(--ud-surface-2);
        color: var(--ud-text);
      }
      .line[aria-current='true'] {
        color: var(--ud-accent);
        font-size: clamp(1.3rem, 1rem + 1.4vw, 1.9rem);
        font-weight: 750;
      }
      .empty {
        align-content: center;
        flex: 1;
        margin-top: 8px;
      }
      .error {
        color: var(--ud-live);
        font-size: var(--ud-text-s);
        font-weight: 550;
      }
    `,
  ];

  override render(): TemplateResult {
    const { lines } = this;
    return html`<div class="head">
        <h2>${texts.heading}</h2>
        ${this.mayEdit && lines !== undefined ? this.#tools() : nothing}
      </div>
      ${this.problem === '' ? nothing : html`<p class="error" role="alert">${this.problem}</p>`}
      ${lines === undefined ? nothing : lines.length === 0 ? this.#empty() : this.#list(lines)}`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('lines')) this.#shown = -2;
    const current = lineAt(this.lines ?? [], this.positionMs);
    if (current === this.#shown) return;
    this.#shown = current;
    if (performance.now() - this.#scrolledAt > LEFT_ALONE_MS) this.#centre(current);
  }

  #tools(): TemplateResult {
    return html`<input type="file" accept=".lrc,.txt,text/plain" hidden @change=${this.#chosen} />
      <button class="button small" type="button" @click=${() => this.input?.click()}>
        ${uploadIcon}${this.hasFile ? texts.replace : texts.add}
      </button>
      ${
        this.hasFile
          ? html`<button
              class="button small icon danger"
              type="button"
              aria-label=${texts.remove}
              title=${texts.remove}
              @click=${() => this.confirm?.ask()}
            >
              ${binIcon}
            </button>`
          : nothing
      }
      <ud-confirm
        .heading=${texts.removeHeading}
        .advice=${texts.removeAdvice}
        .action=${texts.remove}
        @confirm=${() => this.dispatchEvent(new Event('ud-lyrics-remove'))}
      ></ud-confirm>`;
  }

  #empty(): TemplateResult {
    return html`<div class="empty">
      <strong>${texts.none}</strong>
      <p>${this.mayEdit ? texts.noneOwner : texts.noneAdvice}</p>
    </div>`;
  }

  #list(lines: readonly LyricLine[]): TemplateResult {
    const current = lineAt(lines, this.positionMs);
    return html`<ol class="lines" @wheel=${this.#scrolled} @touchmove=${this.#scrolled}>
      ${lines.map(
        ({ atMs, text }, i) =>
          html`<li>
            <button
              class="line"
              type="button"
              dir="auto"
              aria-current=${i === current ? 'true' : 'false'}
              aria-label=${text === '' ? texts.pauseAt(runningTime(atMs)) : nothing}
              @click=${() => this.#go(atMs)}
            >
              ${text === '' ? texts.pause : text}
            </button>
          </li>`,
      )}
    </ol>`;
  }

  #go(ms: number): void {
    this.#scrolledAt = -Infinity;
    this.dispatchEvent(new SeekEvent(ms));
  }

  readonly #scrolled = (): void => {
    this.#scrolledAt = performance.now();
  };

  /** Scrolls the lyrics, but not the page. */
  #centre(place: number): void {
    const { scroller } = this;
    const row = scroller?.children[Math.max(0, place)];
    if (!scroller || !(row instanceof HTMLElement)) return;
    const top = row.offsetTop - (scroller.clientHeight - row.offsetHeight) / 2;
    const isStill = getComputedStyle(this).getPropertyValue('--ud-loops').trim() === 'paused';
    scroller.scrollTo({ top, behavior: isStill ? 'instant' : 'smooth' });
  }

  readonly #chosen = async (): Promise<void> => {
    const file = this.input?.files?.[0];
    if (this.input) this.input.value = '';
    if (file === undefined) return;
    if (file.size > MAX_LRC_BYTES) this.problem = texts.tooLarge;
    else {
      const lrc = await file.text();
      this.problem = readLrc(lrc).length === 0 ? texts.noTimes : '';
      if (this.problem === '') this.dispatchEvent(new LyricsFileEvent(lrc));
    }
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-lyrics': Lyrics;
  }
  interface HTMLElementEventMap {
    'ud-lyrics-file': LyricsFileEvent;
  }
}
