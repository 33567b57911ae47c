// Styles of the page to go live from: what is shared beside what to do with it.

import { css } from 'lit';

export const pageStyles = css`
  .columns {
    display: grid;
    grid-template-columns: minmax(0, 1fr) 360px;
    align-items: start;
    gap: 24px 28px;
    padding-top: clamp(4px, 2vw, 20px);
  }
  .panel {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 18px;
    padding: 22px;
    border: 1px solid var(--ud-line);
    border-radius: calc(var(--ud-radius) + 2px);
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow);
  }
  .panel h1 {
    font-size: 1.5rem;
  }
  .stage {
    display: grid;
    gap: 14px;
  }
  .under {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .over {
    display: grid;
    justify-items: center;
    gap: 12px;
    max-width: 34rem;
    margin: clamp(24px, 8vw, 96px) auto;
    text-align: center;
  }
  .over svg {
    width: 72px;
    color: var(--ud-accent);
  }
  .over .button svg {
    width: 20px;
    color: inherit;
  }
  .over p {
    color: var(--ud-muted);
  }
  @media (max-width: 900px) {
    .columns {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`;
