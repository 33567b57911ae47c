// Small labels: what is live, how many watch.

import { css, html, type TemplateResult } from 'lit';
import type { StreamState } from '../protocol/stream';
import { count, viewers } from './format';
import { viewersIcon } from './icons';

/** Styles of `.badge`; `.on-picture` where it lies on video. */
export const badges = css`
  .badge {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    min-height: 26px;
    padding: 0 10px;
    border-radius: 999px;
    background: var(--ud-surface-2);
    color: var(--ud-text);
    font-size: 0.8125rem;
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .badge svg {
    width: 15px;
    height: 15px;
  }
  .badge.on-picture {
    background: rgb(8 14 11 / 72%);
    color: #fff;
    backdrop-filter: blur(6px);
  }
  .badge.live {
    background: var(--ud-live);
    color: var(--ud-on-live);
    letter-spacing: 0.04em;
  }
  .badge.live::before {
    content: '';
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: currentColor;
    animation: pulse 1.8s ease-in-out infinite;
  }
  .badge.interrupted {
    background: var(--ud-warn-soft);
    color: var(--ud-warn);
  }
  @keyframes pulse {
    50% {
      opacity: 0.35;
    }
  }
`;

/** The state of a stream as a label. */
export function stateBadge(state: StreamState): TemplateResult {
  if (state === 'live') return html`<span class="badge live">LIVE</span>`;
  if (state === 'interrupted') return html`<span class="badge interrupted">Interrupted</span>`;
  return html`<span class="badge">${state === 'ended' ? 'Ended' : 'Starting'}</span>`;
}

/** How many watch, as an eye and a number; in words for screen readers. */
export function viewersBadge(n: number, kind = ''): TemplateResult {
  return html`<span class="badge ${kind}" title=${viewers(n)}>
    ${viewersIcon}<span aria-hidden="true">${count(n)}</span><span class="visually-hidden">${viewers(n)}</span>
  </span>`;
}
