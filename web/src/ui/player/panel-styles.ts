// Styles of the panels of a player: a `<dl>` of names and values on a dark scrim; tighter in small spaces.

import { css } from 'lit';

export const panelStyles = css`
  :host {
    display: block;
    padding: 12px 16px;
    border-radius: var(--ud-radius-small);
    background: var(--ud-scrim);
    color: var(--ud-text);
    color-scheme: dark;
    font-size: 0.8125rem;
    backdrop-filter: blur(8px);
  }
  dl {
    display: grid;
    grid-template-columns: auto auto;
    gap: 3px 18px;
    margin: 0;
  }
  dd {
    margin: 0;
  }
  @media (max-width: 560px) {
    :host {
      padding: 8px 12px;
      font-size: 0.75rem;
    }
    dl {
      grid-template-columns: auto 1fr auto 1fr;
      gap: 2px 12px;
    }
  }
  @media (min-width: 561px) and (max-height: 500px) {
    :host {
      padding: 8px 12px;
      font-size: 0.75rem;
    }
    dl {
      grid-template-columns: auto 1fr;
      gap: 1px 12px;
    }
  }
`;
