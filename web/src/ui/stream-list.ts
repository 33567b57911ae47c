// <ud-stream-list>: the live streams, pushed by the main server. Shows skeletons until the first list arrives, a short
// text when it is empty, and the last known list while the server is unreachable.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { followCatalogue, type CatalogueView } from '../api/catalogue';
import { serverTime } from '../api/server-time';
import { strings } from '../strings';
import './stream-card';
import { base } from './styles';
import { surfaces } from './surfaces';

/** Interval of updating the running times on cards. */
const TICK_MS = 15_000;
/** A shorter interruption is not reported. */
const QUIET_MS = 3_000;

@customElement('ud-stream-list')
export class StreamList extends LitElement {
  /** Heading level of the streams' titles. */
  @property({ type: Number }) level = 3;
  @state() private view: CatalogueView = { streams: undefined, connected: true };
  @state() private nowMs = serverTime.nowMs();
  @state() private silent = false;
  #stop: AbortController | undefined;
  #ticker: ReturnType<typeof setInterval> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    base,
    surfaces,
    css`
      ul {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr));
        gap: 28px 22px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .title {
        font-size: var(--ud-text-l);
        font-weight: 700;
      }
      .silent {
        margin-bottom: 18px;
        padding: 12px 16px;
        border-radius: var(--ud-radius-small);
        background: var(--ud-warn-soft);
        color: var(--ud-warn);
        font-weight: 550;
      }
      .bone.picture {
        aspect-ratio: 16 / 9;
      }
      .bone.line {
        width: 62%;
        height: 18px;
        margin-top: 14px;
        border-radius: 6px;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stop = new AbortController();
    followCatalogue((view) => this.#show(view), this.#stop.signal);
    this.#ticker = setInterval(() => (this.nowMs = serverTime.nowMs()), TICK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
    clearInterval(this.#ticker);
    clearTimeout(this.#silence);
  }

  override render(): TemplateResult {
    const notice = html`<p class="silent" role="status">${strings.streams.unreachable}</p>`;
    return html`${this.silent ? notice : nothing}${this.#list()}`;
  }

  #list(): TemplateResult {
    const { streams } = this.view;
    if (streams === undefined) return skeletons;
    if (streams.length === 0) return this.#empty();
    return html`<ul>
      ${repeat(
        streams,
        ({ stream_id }) => stream_id,
        (stream) =>
          html`<li><ud-stream-card .stream=${stream} .nowMs=${this.nowMs} .level=${this.level}></ud-stream-card></li>`,
      )}
    </ul>`;
  }

  #empty(): TemplateResult {
    return html`<div class="empty">
      <div class="title" role="heading" aria-level=${this.level}>${strings.streams.empty}</div>
      <p>${strings.streams.emptyAdvice}</p>
    </div>`;
  }

  #show(view: CatalogueView): void {
    this.view = view;
    this.nowMs = serverTime.nowMs();
    if (view.connected) {
      clearTimeout(this.#silence);
      this.#silence = undefined;
      this.silent = false;
    } else this.#silence ??= setTimeout(() => (this.silent = true), QUIET_MS);
  }
}

const skeletons = html`<ul aria-busy="true" aria-label=${strings.streams.loading}>
  ${[1, 2, 3].map(
    () =>
      html`<li>
        <div class="bone picture"></div>
        <div class="bone line"></div>
      </li>`,
  )}
</ul>`;

declare global {
  interface HTMLElementTagNameMap {
    'ud-stream-list': StreamList;
  }
}
