// <ud-stream-card>: one live stream as a link, with its newest preview picture. Nothing covers the picture.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { serverTime } from '../api/server-time';
import { site } from '../browser/site';
import type { StreamInfo } from '../protocol/stream';
import { strings } from '../strings';
import { badges, stateBadge, viewersBadge } from './badges';
import { since } from './format';
import { ghostPicture } from './logo';
import { base } from './styles';

@customElement('ud-stream-card')
export class StreamCard extends LitElement {
  @property({ attribute: false }) declare stream: StreamInfo;
  /** The server's time, passed in so that all cards of a page change together. */
  @property({ attribute: false }) nowMs = serverTime.nowMs();
  /** Heading level of the title. */
  @property({ type: Number }) level = 3;
  /** The displayed picture: the newest one that has loaded. */
  @state() private shownUrl: string | undefined;

  static override styles = [
    base,
    badges,
    css`
      a {
        display: block;
        color: inherit;
        text-decoration: none;
        border-radius: var(--ud-radius);
      }
      a:focus-visible {
        border-radius: var(--ud-radius);
      }
      .picture {
        position: relative;
        aspect-ratio: 16 / 9;
        overflow: hidden;
        border-radius: var(--ud-radius);
        background: var(--ud-screen);
        color-scheme: dark;
        box-shadow: var(--ud-shadow);
        transition:
          transform var(--ud-quick),
          box-shadow var(--ud-quick);
      }
      a:hover .picture {
        transform: translateY(-3px);
        box-shadow: var(--ud-shadow-raised);
      }
      img {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        object-fit: cover;
      }
      .none {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        background: radial-gradient(circle at 50% 120%, var(--ud-accent-soft), transparent 70%);
        color: var(--ud-accent);
      }
      .none svg {
        width: 56px;
        opacity: 0.5;
      }
      .title {
        margin-top: 12px;
        font-size: var(--ud-text-m);
        font-weight: 700;
        line-height: 1.35;
        letter-spacing: -0.01em;
        overflow-wrap: anywhere;
        text-wrap: pretty;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow: hidden;
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 6px var(--ud-space-2);
        margin-top: var(--ud-space-2);
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('stream')) this.#loadPicture(this.stream.thumbnail_url);
  }

  override render(): TemplateResult {
    const { stream_id, title, state, viewers } = this.stream;
    return html`
      <a href=${site(`/view/${stream_id}`)}>
        <div class="picture">
          ${this.shownUrl === undefined ? html`<div class="none">${ghostPicture}</div>` : nothing}
          ${this.shownUrl === undefined ? nothing : html`<img src=${this.shownUrl} alt="" />`}
        </div>
        <div class="title" role="heading" aria-level=${this.level} dir="auto">${title}</div>
        <div class="facts">${stateBadge(state)} ${viewersBadge(viewers)} <span>${this.#age()}</span></div>
      </a>
    `;
  }

  #age(): string {
    const { state, started_at_ms } = this.stream;
    const { startedJustNow, liveFor, reconnecting } = strings.streams;
    if (state === 'interrupted') return reconnecting;
    const age = since(this.nowMs - started_at_ms);
    return age === strings.ages.justNow ? startedJustNow : liveFor(age);
  }

  /** Loads a new picture before showing it, so that cards do not flicker. */
  #loadPicture(url: string | undefined): void {
    if (url === undefined || url === this.shownUrl) return;
    const picture = new Image();
    picture.onload = () => {
      if (this.stream.thumbnail_url === url) this.shownUrl = url;
    };
    picture.src = url;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-stream-card': StreamCard;
  }
}
