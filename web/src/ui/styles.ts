// Shared styles of custom elements. Shadow roots do not inherit rules, only the values of tokens.css.

import { css } from 'lit';

/** Box sizing, focus ring, headings, links: the first entry of every element's `styles`. */
export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p {
    margin: 0;
  }
  h1,
  h2,
  h3 {
    line-height: 1.2;
    letter-spacing: -0.02em;
    text-wrap: balance;
  }
  a {
    color: var(--ud-accent);
    text-underline-offset: 3px;
  }
  :focus-visible {
    outline: none;
    box-shadow: var(--ud-focus);
    border-radius: var(--ud-radius-small);
  }
  .hint {
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    font-weight: 400;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;

/** For block elements: custom elements are inline by default. */
export const block = css`
  :host {
    display: block;
  }
`;

/**
 * `.button`: secondary by default. `.primary` is the main action of a view, at most one; `.danger` cannot be undone;
 * `.quiet` has no frame, `.icon` no text, `.small` and `.big` another size. For `<button>` and `<a>`.
 */
export const buttons = css`
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 9px;
    min-height: var(--ud-target);
    padding: 0 18px;
    border: 1px solid var(--ud-line-strong);
    border-radius: var(--ud-radius-pill);
    background: var(--ud-surface);
    color: var(--ud-text);
    font: inherit;
    font-weight: 600;
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
    transition:
      background var(--ud-quick),
      border-color var(--ud-quick),
      transform var(--ud-quick);
  }
  .button:hover {
    background: var(--ud-surface-2);
  }
  .button:active:not([disabled]) {
    transform: translateY(1px);
  }
  .button:focus-visible {
    border-radius: var(--ud-radius-pill);
  }
  .button.primary {
    border-color: transparent;
    background: var(--ud-accent);
    color: var(--ud-on-accent);
  }
  .button.primary:hover {
    background: var(--ud-accent-strong);
  }
  .button.danger {
    border-color: var(--ud-live);
    color: var(--ud-live);
  }
  .button.danger:hover,
  .button.danger.filled {
    border-color: transparent;
    background: var(--ud-live);
    color: var(--ud-on-live);
  }
  .button.quiet {
    border-color: transparent;
    background: transparent;
  }
  .button.quiet:hover {
    background: var(--ud-surface-2);
  }
  .button.icon {
    width: var(--ud-target);
    padding: 0;
  }
  .button.small {
    min-height: 40px;
    padding: 0 14px;
    font-size: var(--ud-text-s);
  }
  .button.big {
    min-height: 54px;
    padding: 0 26px;
    font-size: var(--ud-text-l);
  }
  .button[disabled],
  .button[disabled]:hover {
    border-color: var(--ud-line);
    background: var(--ud-surface-2);
    color: var(--ud-muted);
    cursor: not-allowed;
  }
  .button svg {
    width: 20px;
    height: 20px;
    flex: none;
  }
`;
