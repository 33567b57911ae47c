// Styles of the page to go live from: the shared source beside the controls.

import { css } from 'lit';

export const pageStyles = css`
  .columns {
    display: grid;
    grid-template-columns: minmax(0, 1fr) 380px;
    align-items: start;
    gap: 24px 28px;
    padding-top: clamp(4px, 2vw, 20px);
  }
  .panel h1 {
    font-size: var(--ud-text-xl);
  }
  .entrance {
    max-width: 440px;
    margin: clamp(8px, 5vw, 64px) auto;
  }
  .entrance h1 {
    margin-bottom: var(--ud-space-1);
    font-size: var(--ud-text-xl);
  }
  .by-key {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: var(--ud-space-2);
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
  .over > svg {
    width: 72px;
    color: var(--ud-accent);
  }
  .over p {
    color: var(--ud-muted);
  }
  .over .under {
    justify-content: center;
  }
  /* A phone in landscape keeps both columns. */
  @media (max-height: 500px) {
    .columns {
      grid-template-columns: minmax(0, 1fr) minmax(280px, 40%);
      gap: 16px;
      padding-top: 0;
    }
  }
  @media (max-width: 900px) and (min-height: 501px), (max-width: 599px) {
    .columns {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`;
