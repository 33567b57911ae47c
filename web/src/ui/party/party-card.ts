// <ud-party-card .party>: a party as a link: its colours, title, host, current entry and number of members.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { site } from '../../browser/site';
import type { PartySummary } from '../../protocol/party';
import { strings } from '../../strings';
import { badges } from '../badges';
import { count } from '../format';
import { lockIcon, peopleIcon } from '../icons';
import { base } from '../styles';
import './art';

const texts = strings.parties;

@customElement('ud-party-card')
export class PartyCard extends LitElement {
  @property({ attribute: false }) declare party: PartySummary;
  /** Heading level of the title. */
  @property({ type: Number }) level = 2;

  static override styles = [
    base,
    badges,
    css`
      :host {
        display: block;
        height: 100%;
        min-width: 0;
      }
      a {
        display: block;
        height: 100%;
        overflow: hidden;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius-large);
        background: var(--ud-surface);
        color: inherit;
        text-decoration: none;
        box-shadow: var(--ud-shadow);
        transition:
          transform var(--ud-quick),
          box-shadow var(--ud-quick);
      }
      a:hover {
        box-shadow: var(--ud-shadow-raised);
        transform: translateY(-2px);
      }
      a:focus-visible {
        border-radius: var(--ud-radius-large);
      }
      .top {
        position: relative;
        isolation: isolate;
        display: flex;
        align-items: flex-end;
        min-height: 128px;
        padding: 14px 16px;
        overflow: hidden;
        color: #fff;
      }
      ud-art {
        position: absolute;
        inset: 0;
        z-index: -2;
        border-radius: 0;
      }
      .top::before {
        content: '';
        position: absolute;
        inset: 0;
        z-index: -1;
        background: linear-gradient(rgb(6 10 9 / 0%) 20%, rgb(6 10 9 / 62%));
      }
      .title {
        font-size: var(--ud-text-l);
        font-weight: 750;
        letter-spacing: -0.02em;
        line-height: 1.25;
        overflow-wrap: anywhere;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow: hidden;
      }
      .rest {
        display: grid;
        gap: 8px;
        padding: 12px 16px 16px;
      }
      .playing,
      .host {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .playing {
        display: flex;
        align-items: center;
        gap: 8px;
        font-weight: 600;
        font-size: var(--ud-text-s);
      }
      .playing span {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .playing.quiet {
        color: var(--ud-muted);
        font-weight: 400;
      }
      .bars {
        display: inline-flex;
        flex: none;
        align-items: flex-end;
        gap: 2px;
        width: 14px;
        height: 12px;
      }
      .bars i {
        flex: 1;
        height: 100%;
        border-radius: 1px;
        background: var(--ud-accent);
        transform: scaleY(0.35);
        transform-origin: bottom;
        animation: beat 1.1s ease-in-out infinite;
        animation-play-state: var(--ud-loops);
      }
      .bars i:nth-child(2) {
        animation-delay: -0.45s;
      }
      .bars i:nth-child(3) {
        animation-delay: -0.8s;
      }
      @keyframes beat {
        50% {
          transform: scaleY(1);
        }
      }
      .host {
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
      }
      .facts {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { party_id, title, host_name, playing, present, policy, access, needs_account } = this.party;
    return html`<a href=${site(`/party/${party_id}`)}>
      <div class="top">
        <ud-art plain seed=${party_id}></ud-art>
        <div class="title" role="heading" aria-level=${this.level} dir="auto">${title}</div>
      </div>
      <div class="rest">
        <div class="playing ${playing === undefined ? 'quiet' : ''}">
          ${playing === undefined ? nothing : html`<span class="bars" aria-hidden="true"><i></i><i></i><i></i></span>`}
          <span dir="auto">${playing ?? texts.card.quiet}</span>
        </div>
        <div class="host" dir="auto">${texts.card.host(host_name)}</div>
        <div class="facts">
          <span class="badge"
            >${peopleIcon}<span aria-hidden="true">${count(present)}</span
            ><span class="visually-hidden">${texts.card.present(present)}</span></span
          >
          <span class="badge">${texts.policies[policy]}</span>
          ${access === 'public' ? nothing : html`<span class="badge">${lockIcon} ${strings.visibilities[access]}</span>`}
          ${needs_account ? html`<span class="badge">${texts.card.needsAccount}</span>` : nothing}
        </div>
      </div>
    </a>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-card': PartyCard;
  }
}
