// Styles of the style guide itself: one rule for each token that it shows.

import { css } from 'lit';

export const guideStyles = css`
  h1 {
    margin-top: clamp(8px, 3vw, 32px);
    font-size: var(--ud-text-2xl);
  }
  .lead {
    margin-top: var(--ud-space-2);
    color: var(--ud-muted);
  }
  section {
    margin-top: var(--ud-space-7);
  }
  h2 {
    font-size: var(--ud-text-xl);
  }
  .shown {
    display: flex;
    flex-wrap: wrap;
    align-items: flex-start;
    gap: var(--ud-space-4);
    margin-top: var(--ud-space-4);
  }
  .column {
    flex: 1 1 280px;
    max-width: 420px;
    min-width: 0;
  }
  .stack {
    display: grid;
    flex: 1 1 100%;
    gap: var(--ud-space-3);
    min-width: 0;
  }
  figure {
    width: 128px;
    margin: 0;
    color: var(--ud-muted);
    font: var(--ud-text-xs) var(--ud-mono);
    overflow-wrap: anywhere;
  }
  figure div {
    height: 56px;
    margin-bottom: 6px;
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-small);
    background: var(--ud-surface);
  }
  .size {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 4px var(--ud-space-4);
    line-height: 1.2;
  }
  code {
    width: 10rem;
    color: var(--ud-muted);
    font: var(--ud-text-xs) var(--ud-mono);
  }
  .space {
    width: auto;
    text-align: center;
  }
  .space div {
    height: 24px;
    border: 0;
    border-radius: 2px;
    background: var(--ud-accent);
  }
  .moving {
    width: 128px;
    height: 56px;
  }
  .swatch.bg div {
    background: var(--ud-bg);
  }
  .swatch.surface div {
    background: var(--ud-surface);
  }
  .swatch.surface-2 div {
    background: var(--ud-surface-2);
  }
  .swatch.line div {
    background: var(--ud-line);
  }
  .swatch.line-strong div {
    background: var(--ud-line-strong);
  }
  .swatch.text div {
    background: var(--ud-text);
  }
  .swatch.muted div {
    background: var(--ud-muted);
  }
  .swatch.accent div {
    background: var(--ud-accent);
  }
  .swatch.accent-soft div {
    background: var(--ud-accent-soft);
  }
  .swatch.live div {
    background: var(--ud-live);
  }
  .swatch.live-soft div {
    background: var(--ud-live-soft);
  }
  .swatch.warn div {
    background: var(--ud-warn);
  }
  .swatch.warn-soft div {
    background: var(--ud-warn-soft);
  }
  .swatch.screen div {
    background: var(--ud-screen);
  }
  .text-display {
    font-size: var(--ud-text-display);
  }
  .text-2xl {
    font-size: var(--ud-text-2xl);
  }
  .text-xl {
    font-size: var(--ud-text-xl);
  }
  .text-l {
    font-size: var(--ud-text-l);
  }
  .text-m {
    font-size: var(--ud-text-m);
  }
  .text-s {
    font-size: var(--ud-text-s);
  }
  .text-xs {
    font-size: var(--ud-text-xs);
  }
  .space-1 div {
    width: var(--ud-space-1);
  }
  .space-2 div {
    width: var(--ud-space-2);
  }
  .space-3 div {
    width: var(--ud-space-3);
  }
  .space-4 div {
    width: var(--ud-space-4);
  }
  .space-5 div {
    width: var(--ud-space-5);
  }
  .space-6 div {
    width: var(--ud-space-6);
  }
  .space-7 div {
    width: var(--ud-space-7);
  }
  .space-8 div {
    width: var(--ud-space-8);
  }
  .shape.radius-small div {
    border-color: var(--ud-line-strong);
    border-radius: var(--ud-radius-small);
  }
  .shape.radius div {
    border-color: var(--ud-line-strong);
    border-radius: var(--ud-radius);
  }
  .shape.radius-large div {
    border-color: var(--ud-line-strong);
    border-radius: var(--ud-radius-large);
  }
  .shape.shadow div {
    box-shadow: var(--ud-shadow);
  }
  .shape.shadow-raised div {
    box-shadow: var(--ud-shadow-raised);
  }
`;
