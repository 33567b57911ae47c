// Styles of a modal `<dialog>`: a form with a heading, some text and `.actions`.

import { css } from 'lit';

export const dialogs = css`
  dialog {
    width: min(27rem, calc(100vw - 2 * var(--ud-gutter)));
    padding: var(--ud-space-5);
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-large);
    background: var(--ud-surface);
    color: var(--ud-text);
    box-shadow: var(--ud-shadow-raised);
  }
  dialog[open] {
    animation: arrive var(--ud-calm);
  }
  dialog::backdrop {
    background: rgb(4 10 7 / 55%);
  }
  dialog form {
    display: grid;
    gap: var(--ud-space-3);
  }
  dialog h2 {
    font-size: var(--ud-text-xl);
    overflow-wrap: anywhere;
  }
  dialog p {
    color: var(--ud-muted);
  }
  dialog .actions {
    display: flex;
    flex-wrap: wrap;
    justify-content: flex-end;
    gap: 10px;
    margin: var(--ud-space-2) 0 calc(-1 * var(--ud-space-5));
    padding-bottom: var(--ud-space-5);
  }
  /* Stays visible while the rest scrolls. */
  dialog .actions {
    position: sticky;
    bottom: calc(-1 * var(--ud-space-5));
    background: var(--ud-surface);
  }
  @keyframes arrive {
    from {
      opacity: 0;
      transform: translateY(8px);
    }
  }
  @media (max-width: 480px) {
    dialog .actions .button {
      flex: 1 1 auto;
    }
  }
`;
