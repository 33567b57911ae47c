// Styles that custom elements share. Shadow roots do not inherit rules, only the values of tokens.css.

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
    line-height: 1.15;
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
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation-duration: 1ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 1ms !important;
    }
  }
`;

/** `.button` with `.primary`, `.live`, `.quiet`, `.big`; for `<button>` and `<a>`. */
export const buttons = css`
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 9px;
    min-height: 44px;
    padding: 0 18px;
    border: 1px solid var(--ud-line-strong);
    border-radius: 999px;
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
  .button:active {
    transform: translateY(1px);
  }
  .button:focus-visible {
    border-radius: 999px;
  }
  .button[disabled] {
    opacity: 0.55;
    cursor: not-allowed;
  }
  .button.primary {
    border-color: transparent;
    background: var(--ud-accent);
    color: var(--ud-on-accent);
  }
  .button.primary:hover:not([disabled]) {
    background: var(--ud-accent-strong);
  }
  .button.live {
    border-color: transparent;
    background: var(--ud-live);
    color: var(--ud-on-live);
  }
  .button.live:hover:not([disabled]) {
    filter: brightness(1.08);
  }
  .button.quiet {
    border-color: transparent;
    background: transparent;
  }
  .button.quiet:hover {
    background: var(--ud-surface-2);
  }
  .button.big {
    min-height: 54px;
    padding: 0 26px;
    font-size: 1.0625rem;
  }
  .button svg {
    width: 20px;
    height: 20px;
    flex: none;
  }
`;
