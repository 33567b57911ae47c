// The picture of an item, whole and undistorted, or a placeholder. For a `.cover` of any shape.

import { css, html, type TemplateResult } from 'lit';
import { filmIcon, noteIcon } from '../icons';

/** The fields of an item that its cover needs. */
export interface Covered {
  poster_url?: string;
  tracks?: readonly { kind: string }[];
}

/** The content of a `.cover`. */
export function cover({ poster_url, tracks = [] }: Covered): TemplateResult {
  const isFilm = tracks.some(({ kind }) => kind === 'video');
  if (poster_url !== undefined)
    return html`<img class=${isFilm ? 'film' : ''} src=${poster_url} alt="" loading="lazy" decoding="async" />`;
  return html`<div class="none">${isFilm ? filmIcon : noteIcon}</div>`;
}

export const covers = css`
  .cover {
    position: relative;
    overflow: hidden;
    border-radius: var(--ud-radius);
    background: var(--ud-surface-2);
  }
  .cover:has(.film) {
    background: var(--ud-screen);
  }
  .cover img {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
  }
  .cover .none {
    position: absolute;
    inset: 0;
    display: grid;
    place-items: center;
    background: radial-gradient(circle at 50% 120%, var(--ud-accent-soft), transparent 80%);
    color: var(--ud-accent);
  }
  .cover .none svg {
    width: min(56px, 42%);
    opacity: 0.6;
  }
`;
