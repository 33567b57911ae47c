// Styles of <ud-deck>: one structure, displayed as a stage (a picture, or a cover with the waveform) or as a bar at the
// foot of the window.

import { css } from 'lit';

export const deckStyles = css`
  :host {
    display: block;
  }
  .deck {
    display: grid;
    gap: 12px 24px;
  }
  .screen {
    position: relative;
    overflow: hidden;
    border-radius: var(--ud-radius-large);
    width: 100%;
    background: #000;
    box-shadow: var(--ud-shadow);
  }
  .audio .screen,
  .screen:has(.cover .none) {
    background: none;
  }
  video {
    display: block;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }
  .screen .cover {
    position: absolute;
    inset: 0;
    border-radius: 0;
  }
  .press {
    position: absolute;
    inset: 0;
    width: 100%;
    border: 0;
    padding: 0;
    background: none;
    color: #fff;
    cursor: pointer;
    display: grid;
    place-items: center;
  }
  .press span {
    display: grid;
    place-items: center;
    width: 76px;
    height: 76px;
    border-radius: 50%;
    background: var(--ud-scrim);
  }
  .press svg {
    width: 38px;
    height: 38px;
  }
  .press:focus-visible {
    box-shadow: inset 0 0 0 3px var(--ud-accent);
  }
  .main {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    align-content: center;
    gap: 6px;
    min-width: 0;
  }
  .what {
    display: none;
    min-width: 0;
  }
  .what a {
    display: block;
    color: inherit;
    font-weight: 700;
    text-decoration: none;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .what span {
    display: block;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .controls {
    display: flex;
    align-items: center;
    gap: 2px;
    min-width: 0;
  }
  .controls .play {
    background: var(--ud-accent);
    color: var(--ud-on-accent);
    border-color: transparent;
  }
  .controls .play:hover {
    background: var(--ud-accent-strong);
  }
  .controls .button[disabled] {
    border-color: transparent;
    background: none;
    opacity: 0.45;
  }
  .controls [aria-pressed='true'] {
    color: var(--ud-accent);
  }
  .controls ud-menu span {
    font-size: var(--ud-text-s);
    font-weight: 650;
    font-variant-numeric: tabular-nums;
  }
  .time {
    padding: 0 8px;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .space {
    flex: 1;
  }
  .volume {
    width: 84px;
    height: 44px;
    margin: 0 6px 0 0;
    accent-color: var(--ud-accent);
    cursor: pointer;
  }
  @media (hover: none) {
    .volume {
      display: none;
    }
  }
  /* It has its place while it is empty, so that nothing moves while a seek loads. */
  .told {
    min-height: 1.4em;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
  }

  .stage.video .screen {
    aspect-ratio: 16 / 9;
    max-height: 72vh;
  }
  .stage.audio {
    grid-template-columns: minmax(140px, 220px) minmax(0, 1fr);
    padding: clamp(14px, 2.4vw, 24px);
    border: 1px solid var(--ud-line);
    border-radius: var(--ud-radius-large);
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow);
  }
  .stage.audio .screen {
    aspect-ratio: 1;
    border-radius: var(--ud-radius);
    align-self: center;
  }
  .audio video,
  .audio .press {
    display: none;
  }
  .audio.ask .press {
    display: grid;
  }
  @media (max-width: 560px) {
    .stage.audio {
      grid-template-columns: minmax(0, 1fr);
      justify-items: center;
    }
    .stage.audio .screen {
      width: min(62vw, 220px);
    }
    .stage .main {
      width: 100%;
    }
    .controls {
      flex-wrap: wrap;
      gap: 0;
    }
    .stage .volume,
    .stage .float {
      display: none;
    }
    .stage .time {
      order: -1;
      flex-basis: 100%;
      padding: 0;
    }
  }

  .bar {
    position: fixed;
    inset: auto 0 0;
    z-index: 15;
    grid-template-columns: auto minmax(0, 1fr);
    align-items: center;
    gap: 12px;
    padding: 8px max(12px, calc((100vw - var(--ud-width)) / 2)) max(8px, env(safe-area-inset-bottom));
    border-top: 1px solid var(--ud-line);
    background: var(--ud-surface);
    box-shadow: var(--ud-shadow-raised);
  }
  .bar .screen {
    width: 52px;
    height: 52px;
    border-radius: var(--ud-radius-small);
    box-shadow: none;
  }
  .bar.video .screen {
    width: 92px;
  }
  .bar .press {
    display: none;
  }
  .bar .main {
    grid-template-columns: minmax(0, 1fr) auto;
    align-items: center;
    gap: 8px;
  }
  .bar .what {
    display: block;
  }
  .bar ud-timeline {
    position: absolute;
    inset: -10px 0 auto;
  }
  .bar .told {
    display: none;
  }
  @media (max-width: 720px) {
    .bar .time,
    .bar .volume,
    .bar .speed,
    .bar .mute,
    .bar .previous {
      display: none;
    }
  }
  @media (max-width: 420px) {
    .bar .next {
      display: none;
    }
    .bar.video .screen {
      width: 68px;
    }
  }

  .deck:fullscreen {
    display: flex;
    flex-direction: column;
    gap: 0;
    padding: 0;
    border: 0;
    border-radius: 0;
    background: #000;
    color: #fff;
    color-scheme: dark;
  }
  .deck:fullscreen .screen {
    flex: 1;
    width: 100%;
    min-height: 0;
    max-height: none;
    border-radius: 0;
    aspect-ratio: auto;
  }
  .deck:fullscreen .main {
    padding: 0 16px 10px;
    color: var(--ud-text);
    background: #000;
  }
`;
