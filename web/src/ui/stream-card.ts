// <ud-stream-card>: one live stream as a link, with its newest preview picture.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { serverTime } from '../api/server-time';
import type { StreamInfo } from '../protocol/stream';
import { badges, stateBadge, viewersBadge } from './badges';
import { since } from './format';
import { ghostPicture } from './shell';
import { base } from './styles';

@customElement('ud-stream-card')
export class StreamCard extends LitElement {
  @property({ attribute: false }) declare stream: StreamInfo;
  /** The server's time, handed down so that all cards of a page turn over together. */
  @property({ attribute: false }) nowMs = serverTime.nowMs();
  /** The picture that is shown: the newest one that has arrived. */
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
      .picture svg {
        width: 15px;
      }
      .none {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        background: radial-gradient(circle at 50% 120%, #1d5c42, transparent 70%);
        color: #4fe3a1;
      }
      .none svg {
        width: 56px;
        opacity: 0.5;
      }
      .state,
      .viewers {
        position: absolute;
        left: 10px;
        top: 10px;
      }
      .viewers {
        top: auto;
        bottom: 10px;
      }
      h3 {
        margin-top: 12px;
        font-size: 1.0625rem;
        line-height: 1.35;
        letter-spacing: -0.01em;
        overflow-wrap: anywhere;
        text-wrap: pretty;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow: hidden;
      }
      p {
        margin-top: 2px;
        color: var(--ud-muted);
        font-size: 0.875rem;
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('stream')) this.#loadPicture(this.stream.thumbnail_url);
  }

  override render(): TemplateResult {
    const { stream_id, title, state, viewers, started_at_ms } = this.stream;
    const age = since(this.nowMs - started_at_ms);
    return html`
      <a href="/view/${stream_id}">
        <div class="picture">
          ${this.shownUrl === undefined ? html`<div class="none">${ghostPicture}</div>` : nothing}
          ${this.shownUrl === undefined ? nothing : html`<img src=${this.shownUrl} alt="" />`}
          <span class="state">${stateBadge(state)}</span>
          <span class="viewers">${viewersBadge(viewers, 'on-picture')}</span>
        </div>
        <h3 dir="auto">${title}</h3>
        <p>${age === 'just now' ? 'Started just now' : `Live for ${age}`}</p>
      </a>
    `;
  }

  /** Shows a new picture only once it is there, so that cards do not flicker. */
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
