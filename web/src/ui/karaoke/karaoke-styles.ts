// Styles of <ud-karaoke>: the controls beside the lyrics; on phones above them.

import { css } from 'lit';

export const karaokeStyles = css`
  .karaoke {
    display: grid;
    grid-template-columns: minmax(0, 5fr) minmax(0, 6fr);
    gap: 20px clamp(20px, 4vw, 48px);
    margin-top: clamp(4px, 2vw, 20px);
  }
  .song {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    align-content: start;
    gap: 18px;
  }
  .about {
    display: grid;
    grid-template-columns: 96px minmax(0, 1fr);
    align-items: center;
    gap: 16px;
  }
  .cover {
    aspect-ratio: 1;
  }
  h1 {
    font-size: clamp(1.4rem, 1.1rem + 1.4vw, 1.9rem);
    overflow-wrap: anywhere;
  }
  .artist {
    color: var(--ud-muted);
    font-size: var(--ud-text-l);
  }
  .controls {
    display: flex;
    align-items: center;
    gap: 8px;
    margin-top: 4px;
  }
  .controls .play {
    width: 56px;
    min-height: 56px;
    border-color: transparent;
    background: var(--ud-accent);
    color: var(--ud-on-accent);
  }
  .controls .play:hover {
    background: var(--ud-accent-strong);
  }
  .controls .play svg {
    width: 26px;
    height: 26px;
  }
  .time {
    padding: 0 6px;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .space {
    flex: 1;
  }
  input[type='range'] {
    height: var(--ud-target);
    margin: 0;
    accent-color: var(--ud-accent);
    cursor: pointer;
  }
  .volume {
    width: 96px;
    min-width: 56px;
  }
  .told {
    min-height: 1.4em;
    margin-top: 6px;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
  }
  .mix {
    display: grid;
    gap: 14px;
    padding: 16px 18px;
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-large);
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow);
  }
  .row {
    display: flex;
    align-items: center;
    gap: 10px;
  }
  .row label,
  .row .label {
    display: flex;
    align-items: center;
    gap: 8px;
    font-weight: 650;
  }
  .row svg {
    width: 20px;
    height: 20px;
  }
  .row output {
    margin-left: auto;
    font-weight: 700;
    font-variant-numeric: tabular-nums;
  }
  .vocals input {
    display: block;
    width: 100%;
  }
  .ends {
    display: flex;
    justify-content: space-between;
    color: var(--ud-muted);
    font-size: var(--ud-text-xs);
  }
  .key output {
    min-width: 5.2em;
    text-align: center;
  }
  .files {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
  }
  ud-lyrics {
    height: min(72vh, 760px);
    padding: 12px 8px 12px 18px;
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-large);
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow);
  }
  @media (max-width: 820px) {
    .karaoke {
      grid-template-columns: minmax(0, 1fr);
      gap: 14px;
    }
    /* The lyrics come between the transport and the mix. */
    .song {
      display: contents;
    }
    .mix,
    .files {
      order: 1;
    }
    .about {
      grid-template-columns: 56px minmax(0, 1fr);
      gap: 12px;
    }
    .artist {
      font-size: var(--ud-text-m);
    }
    .mix {
      gap: 8px;
      padding: 10px 14px;
    }
    ud-lyrics {
      height: max(280px, 44vh);
    }
    .told:empty {
      display: none;
    }
  }
`;
