// Styles of <ud-player>: a dark frame that keeps its shape, with everything else lying on the picture.

import { css } from 'lit';

export const playerStyles = css`
  :host {
    display: block;
    aspect-ratio: 16 / 9;
    overflow: hidden;
    border-radius: var(--ud-radius);
    background: var(--ud-screen);
  }
  :host(:fullscreen) {
    border-radius: 0;
    background: #000;
  }
  .frame {
    position: relative;
    width: 100%;
    height: 100%;
    background: radial-gradient(circle at 50% 130%, #123826, transparent 65%);
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
    transition: filter 400ms ease;
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
    color: #b4c2bb;
    pointer-events: none;
  }
  .sound-only svg {
    width: clamp(44px, 10vw, 84px);
    color: #4fe3a1;
  }
  ud-controls {
    position: absolute;
    inset: auto 10px 10px;
    transition: opacity 180ms ease;
  }
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
    ud-stats,
    ud-key-panel {
      inset: 6px 6px 60px;
      max-height: none;
    }
    .sound {
      top: 8px;
      right: 8px;
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
    border-radius: 999px;
    background: #fff;
    color: #10201a;
    font: inherit;
    font-size: 0.9375rem;
    font-weight: 650;
    box-shadow: 0 4px 18px rgb(0 0 0 / 35%);
    cursor: pointer;
  }
  .sound svg {
    width: 22px;
    height: 22px;
  }
  .sound:focus-visible {
    border-radius: 999px;
    box-shadow:
      0 0 0 2px #000,
      0 0 0 4px #fff;
  }
`;
