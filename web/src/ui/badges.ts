// Small labels: live state, number of viewers, state of a node.

import { css, html, type TemplateResult } from 'lit';
import type { StreamState } from '../protocol/stream';
import { strings } from '../strings';
import { count, viewers } from './format';
import { viewersIcon } from './icons';

/** Styles of `.badge`, with `.live`, `.ok`, `.warn` and `.bad`. */
export const badges = css`
  .badge {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    min-height: 26px;
    padding: 0 10px;
    border-radius: var(--ud-radius-pill);
    background: var(--ud-surface-2);
    color: var(--ud-text);
    font-size: var(--ud-text-xs);
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .badge svg {
    width: 15px;
    height: 15px;
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
    animation-play-state: var(--ud-loops);
  }
  .badge.ok {
    background: var(--ud-accent-soft);
    color: var(--ud-accent);
  }
  .badge.warn {
    background: var(--ud-warn-soft);
    color: var(--ud-warn);
  }
  .badge.bad {
    background: var(--ud-live-soft);
    color: var(--ud-live);
  }
  @keyframes pulse {
    50% {
      opacity: 0.35;
    }
  }
`;

/** A label with the state of a stream. */
export function stateBadge(state: StreamState): TemplateResult {
  const kind = state === 'interrupted' ? 'warn' : state === 'live' ? 'live' : '';
  return html`<span class="badge ${kind}">${strings.states[state]}</span>`;
}

/** The number of viewers, as an eye and a number; in words for screen readers. */
export function viewersBadge(n: number): TemplateResult {
  const words = viewers(n);
  return html`<span class="badge" title=${words}>
    ${viewersIcon}<span aria-hidden="true">${count(n)}</span><span class="visually-hidden">${words}</span>
  </span>`;
}
