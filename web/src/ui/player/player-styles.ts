// Styles of <ud-player>: a dark frame with a fixed aspect ratio and everything else on the picture; on phones the
// panels are under it.

import { css } from 'lit';

export const playerStyles = css`
  :host {
    display: block;
    position: relative;
    overflow: hidden;
    border-radius: var(--ud-radius);
    background: var(--ud-screen);
    --ud-panel-width: min(200px, 45%);
  }
  :host(:fullscreen) {
    border-radius: 0;
    background: #000;
  }
  .frame {
    position: relative;
    width: 100%;
    aspect-ratio: 16 / 9;
    background: radial-gradient(circle at 50% 130%, var(--ud-accent-soft), transparent 65%);
    color-scheme: dark;
  }
  :host([embedded]) .frame,
  :host(:fullscreen) .frame {
    height: 100%;
    aspect-ratio: auto;
  }
  .frame.quiet {
    cursor: none;
  }
  video,
  .pictures {
    display: block;
    width: 100%;
    height: 100%;
    object-fit: contain;
    transition: filter var(--ud-calm);
  }
  [hidden] {
    display: none;
  }
  video + canvas {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
    pointer-events: none;
  }
  .dimmed video,
  .dimmed .pictures {
    filter: brightness(0.4) saturate(0.6);
  }
  .sound-only {
    position: absolute;
    inset: 0;
    display: grid;
    align-content: center;
    justify-items: center;
    gap: 10px;
    color: var(--ud-muted);
    pointer-events: none;
  }
  .sound-only svg {
    width: clamp(44px, 10vw, 84px);
    color: var(--ud-accent);
  }
  ud-controls {
    position: absolute;
    inset: auto 10px 10px;
    transition: opacity var(--ud-quick);
  }
  .past {
    position: absolute;
    inset: 0;
    background: var(--ud-screen);
  }
  ud-rewind-bar {
    position: absolute;
    inset: auto 10px 70px;
    transition: opacity var(--ud-quick);
  }
  .quiet ud-rewind-bar,
  .quiet ud-controls {
    opacity: 0;
    pointer-events: none;
  }
  ud-stats,
  ud-key-panel {
    position: absolute;
    top: 12px;
    left: 12px;
    max-height: calc(100% - 84px);
    overflow: auto;
  }
  @media (max-width: 560px) {
    ud-controls {
      inset: auto 6px 6px;
    }
    /* Under the picture, which is too small to cover. */
    ud-stats,
    ud-key-panel {
      position: static;
      max-height: none;
      border-radius: 0;
    }
    :host([embedded]) ud-stats,
    :host([embedded]) ud-key-panel,
    :host(:fullscreen) ud-stats,
    :host(:fullscreen) ud-key-panel {
      position: absolute;
      inset: 6px 6px auto;
      max-height: calc(100% - 66px);
      border-radius: var(--ud-radius-small);
    }
    .sound {
      top: 8px;
      right: 8px;
    }
  }
  /* A phone in landscape: beside the picture, which shrinks. */
  @media (min-width: 561px) and (max-height: 500px) {
    .frame:has(~ ud-stats, ~ ud-key-panel) {
      width: calc(100% - var(--ud-panel-width));
    }
    ud-stats,
    ud-key-panel {
      inset: 0 0 0 auto;
      width: var(--ud-panel-width);
      max-height: none;
      border-radius: 0;
    }
  }
  .sound {
    position: absolute;
    top: 14px;
    right: 14px;
    display: inline-flex;
    align-items: center;
    gap: 8px;
    min-height: 44px;
    padding: 0 18px 0 14px;
    border: 0;
    border-radius: var(--ud-radius-pill);
    background: #fff;
    color: #10201a;
    font: inherit;
    font-size: var(--ud-text-s);
    font-weight: 650;
    box-shadow: 0 4px 18px rgb(0 0 0 / 35%);
    cursor: pointer;
  }
  .sound svg {
    width: 22px;
    height: 22px;
  }
  .sound:focus-visible {
    border-radius: var(--ud-radius-pill);
    box-shadow:
      0 0 0 2px #000,
      0 0 0 4px #fff;
  }
`;
