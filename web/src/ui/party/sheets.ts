// Styles of the large dialogs of a party: centred in a window, at the bottom of a phone's screen.

import { css } from 'lit';

export const sheets = css`
  :host {
    display: contents;
  }
  dialog {
    width: min(34rem, calc(100vw - 2 * var(--ud-gutter)));
    max-height: min(46rem, calc(100dvh - 48px));
    padding: 0;
    overflow: hidden;
  }
  dialog[open] {
    display: flex;
    flex-direction: column;
  }
  .head {
    display: flex;
    flex: none;
    align-items: center;
    gap: 12px;
    padding: 16px 12px 8px var(--ud-space-5);
  }
  .head h2 {
    flex: 1;
  }
  .content {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    align-content: start;
    gap: var(--ud-space-4);
    min-height: 0;
    padding: 4px var(--ud-space-5) var(--ud-space-5);
    overflow-y: auto;
    overscroll-behavior: contain;
  }
  @media (max-width: 560px) {
    dialog {
      width: 100vw;
      max-width: 100vw;
      max-height: 92dvh;
      margin: auto 0 0;
      border-width: 1px 0 0;
      border-radius: var(--ud-radius-large) var(--ud-radius-large) 0 0;
    }
    .content {
      padding-inline: var(--ud-space-4);
      padding-bottom: max(var(--ud-space-5), env(safe-area-inset-bottom));
    }
    .head {
      padding-left: var(--ud-space-4);
    }
  }
`;
