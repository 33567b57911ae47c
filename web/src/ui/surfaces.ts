// Styles of containers: `.card`, rows of facts in a `dl.facts`, large figures in a `dl.figures`, an `.empty`
// placeholder.

import { css, html, type TemplateResult } from 'lit';

/** Large figures with their names; the host must include the styles {@link surfaces}. */
export function figures(shown: readonly (readonly [name: string, value: string])[]): TemplateResult {
  return html`<dl class="figures">
    ${shown.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export const surfaces = css`
  .card {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: var(--ud-space-4);
    padding: clamp(16px, 3vw, 24px);
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-large);
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow);
  }
  dl {
    margin: 0;
  }
  dd {
    margin: 0;
  }
  .figures {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 130px), 1fr));
    gap: var(--ud-space-3);
  }
  .figures > div {
    padding: var(--ud-space-3) var(--ud-space-4);
    border-radius: var(--ud-radius);
    background: var(--ud-surface-2);
  }
  .figures dt {
    color: var(--ud-muted);
    font-size: var(--ud-text-xs);
  }
  .figures dd {
    font-size: var(--ud-text-xl);
    font-weight: 700;
    font-variant-numeric: tabular-nums;
    letter-spacing: -0.02em;
  }
  .facts > div {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: var(--ud-space-4);
    min-height: 40px;
    padding: var(--ud-space-2) 0;
    border-top: 1px solid var(--ud-line);
    font-size: var(--ud-text-s);
  }
  .facts > div:first-child {
    border-top: 0;
  }
  .facts dt {
    flex: none;
    color: var(--ud-muted);
  }
  .facts dd {
    min-width: 0;
    font-variant-numeric: tabular-nums;
    text-align: right;
    overflow-wrap: anywhere;
  }
  .empty {
    display: grid;
    justify-items: center;
    gap: var(--ud-space-2);
    padding: clamp(28px, 6vw, 56px) 20px;
    border: 1.5px dashed var(--ud-line);
    border-radius: var(--ud-radius-large);
    text-align: center;
  }
  .empty p {
    max-width: 26rem;
    color: var(--ud-muted);
  }
  .bone {
    border-radius: var(--ud-radius-small);
    background: var(--ud-surface-2);
    animation: breathe 1.6s ease-in-out infinite;
    animation-play-state: var(--ud-loops);
  }
  @keyframes breathe {
    50% {
      opacity: 0.5;
    }
  }
`;
