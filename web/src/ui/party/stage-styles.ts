// Styles of <ud-party-stage>: always dark, on the colours of the current entry; a picture above, or a cover beside the
// text.

import { css } from 'lit';

export const stageStyles = css`
  .stage {
    position: relative;
    isolation: isolate;
    border-radius: var(--ud-radius-large);
    background: #0b100e;
    color: #fff;
    color-scheme: dark;
    box-shadow: var(--ud-shadow-raised);
    --ud-muted: rgb(255 255 255 / 78%);
    --ud-accent: #7df0bd;
    --ud-surface-2: rgb(255 255 255 / 14%);
    --ud-line: rgb(255 255 255 / 24%);
    --ud-line-strong: rgb(255 255 255 / 55%);
    --ud-text: #fff;
  }
  .behind {
    position: absolute;
    inset: 0;
    z-index: -1;
    overflow: hidden;
    border-radius: inherit;
  }
  .backdrop {
    position: absolute;
    inset: -60px;
    border-radius: 0;
    filter: blur(48px) saturate(1.35);
  }
  .behind::after {
    content: '';
    position: absolute;
    inset: 0;
    background: linear-gradient(rgb(6 10 9 / 50%), rgb(6 10 9 / 72%));
  }
  .screen {
    position: relative;
    display: none;
    overflow: hidden;
    border-radius: var(--ud-radius-large) var(--ud-radius-large) 0 0;
    background: #000;
  }
  .pictures .screen {
    display: block;
    aspect-ratio: 16 / 9;
    width: 100%;
    max-height: 68vh;
  }
  .screen video,
  .screen canvas {
    position: absolute;
    inset: 0;
    display: none;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }
  .screen .seen {
    display: block;
  }
  .body {
    display: grid;
    grid-template-columns: clamp(150px, 24vw, 232px) minmax(0, 1fr);
    align-items: center;
    gap: 16px clamp(18px, 3vw, 32px);
    padding: clamp(16px, 2.8vw, 30px);
  }
  .pictures .body,
  .quiet .body {
    grid-template-columns: minmax(0, 1fr);
  }
  .cover {
    width: 100%;
    aspect-ratio: 1;
    border-radius: var(--ud-radius);
    box-shadow: 0 14px 44px rgb(0 0 0 / 45%);
  }
  .main {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 12px;
    min-width: 0;
  }
  .eyebrow {
    display: flex;
    align-items: center;
    gap: 10px;
    min-height: 26px;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    font-weight: 600;
  }
  .bars {
    display: inline-flex;
    align-items: flex-end;
    gap: 2px;
    width: 16px;
    height: 14px;
  }
  .bars i {
    flex: 1;
    height: 100%;
    border-radius: 1px;
    background: var(--ud-accent);
    transform-origin: bottom;
    transform: scaleY(0.35);
  }
  .playing .bars i {
    animation: beat 1.1s ease-in-out infinite;
    animation-play-state: var(--ud-loops);
  }
  .bars i:nth-child(2) {
    animation-delay: -0.45s;
  }
  .bars i:nth-child(3) {
    animation-delay: -0.8s;
  }
  @keyframes beat {
    50% {
      transform: scaleY(1);
    }
  }
  h2 {
    font-size: clamp(1.375rem, 1.1rem + 1.5vw, 2.125rem);
    letter-spacing: -0.03em;
    overflow-wrap: anywhere;
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    overflow: hidden;
    padding-bottom: 2px;
  }
  .by {
    color: var(--ud-muted);
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .vocals {
    display: flex;
    align-items: center;
    gap: 12px;
    min-height: 44px;
    font-size: var(--ud-text-s);
  }
  .vocals label {
    display: flex;
    align-items: center;
    gap: 6px;
    font-weight: 650;
  }
  .vocals svg {
    width: 18px;
    height: 18px;
  }
  .vocals input {
    flex: 1;
    min-width: 0;
    max-width: 340px;
    height: 44px;
    margin: 0;
    accent-color: var(--ud-accent);
    cursor: pointer;
  }
  .vocals output {
    min-width: 3.4em;
    font-variant-numeric: tabular-nums;
  }
  .where {
    display: grid;
    gap: 2px;
  }
  .times {
    display: flex;
    justify-content: space-between;
    color: var(--ud-muted);
    font-size: var(--ud-text-s);
    font-variant-numeric: tabular-nums;
  }
  ud-timeline {
    height: 64px;
  }
  .pictures ud-timeline {
    height: 36px;
  }
  .controls {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px;
  }
  .controls .button.quiet {
    color: #fff;
  }
  .controls .button.play {
    width: 58px;
    min-height: 58px;
    margin-inline: 4px;
    border-color: transparent;
    background: #fff;
    color: #0b100e;
  }
  .controls .button.play:hover {
    background: #e3fff2;
  }
  .controls .play svg {
    width: 28px;
    height: 28px;
  }
  .controls .skip {
    border-color: rgb(255 255 255 / 45%);
    background: rgb(255 255 255 / 10%);
    color: #fff;
  }
  .controls .skip[aria-pressed='true'] {
    border-color: transparent;
    background: #fff;
    color: #0b100e;
  }
  .count {
    padding-left: 9px;
    border-left: 1px solid currentColor;
    font-variant-numeric: tabular-nums;
  }
  .space {
    flex: 1;
  }
  .volume {
    width: 92px;
    height: 44px;
    margin: 0 4px 0 0;
    accent-color: var(--ud-accent);
    cursor: pointer;
  }
  .tap {
    position: absolute;
    inset: 0;
    z-index: 4;
    display: grid;
    place-content: center;
    justify-items: center;
    gap: 12px;
    width: 100%;
    padding: 20px;
    border: 0;
    border-radius: inherit;
    background: rgb(6 10 9 / 72%);
    color: #fff;
    font: inherit;
    text-align: center;
    cursor: pointer;
    backdrop-filter: blur(6px);
  }
  .tap:focus-visible {
    border-radius: var(--ud-radius-large);
    box-shadow: inset 0 0 0 4px var(--ud-accent);
  }
  .tap .disc {
    display: grid;
    place-items: center;
    width: 84px;
    height: 84px;
    border-radius: 50%;
    background: #fff;
    color: #0b100e;
    animation: call 1.8s ease-in-out infinite;
    animation-play-state: var(--ud-loops);
  }
  @keyframes call {
    50% {
      box-shadow: 0 0 0 16px rgb(255 255 255 / 16%);
    }
  }
  .tap svg {
    width: 42px;
    height: 42px;
  }
  .tap strong {
    font-size: var(--ud-text-xl);
    letter-spacing: -0.02em;
  }
  .tap .hint {
    color: rgb(255 255 255 / 82%);
  }
  .quiet .main {
    justify-items: center;
    padding: clamp(24px, 5vw, 56px) 0;
    text-align: center;
  }
  .quiet .by {
    white-space: normal;
  }
  .quiet .controls {
    justify-content: center;
  }
  .stage:fullscreen {
    display: flex;
    flex-direction: column;
    border-radius: 0;
  }
  .stage:fullscreen .screen {
    flex: 1;
    max-height: none;
    min-height: 0;
    aspect-ratio: auto;
  }
  .stage:fullscreen .body {
    padding-block: 12px;
  }
  @media (max-width: 640px) {
    .body {
      grid-template-columns: minmax(0, 1fr);
      justify-items: center;
      gap: 14px;
      padding: 16px;
    }
    .cover {
      width: min(46vw, 200px);
    }
    .main {
      width: 100%;
      gap: 8px;
    }
    .eyebrow {
      justify-content: center;
    }
    .pictures .eyebrow {
      justify-content: flex-start;
    }
    .main > h2,
    .main > .by {
      text-align: center;
    }
    .pictures .main > h2,
    .pictures .main > .by {
      text-align: left;
    }
    ud-timeline {
      height: 48px;
    }
    .controls {
      gap: 2px;
    }
  }
  @media (hover: none), (max-width: 480px) {
    .volume {
      display: none;
    }
  }
`;
