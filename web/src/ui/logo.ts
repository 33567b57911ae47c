// The mark and the wordmark: a ghost that is also a play button.

import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';

/** The ghost, drawn in `currentColor`; 32 by 32 units. */
const ghost: SVGTemplateResult = svg`
  <path fill="currentColor" fill-rule="evenodd" d="M16 2.5c-6.6 0-11 4.9-11 11.4v13c0 1.5 1.7 2.3 2.9 1.4l1.6-1.3a1.8
    1.8 0 0 1 2.3 0l2.9 2.3a2.1 2.1 0 0 0 2.6 0l2.9-2.3a1.8 1.8 0 0 1 2.3 0l1.6 1.3c1.2.9 2.9.1 2.9-1.4v-13C27 7.4
    22.6 2.5 16 2.5Zm-3.4 7.3c0-.9 1-1.5 1.8-1l6.6 4c.8.5.8 1.6 0 2.1l-6.6 4c-.8.5-1.8-.1-1.8-1V9.8Z"/>`;

/** The mark, in the size of its surroundings. Decorative: hidden from screen readers. */
export const ghostPicture: TemplateResult = html`<svg viewBox="0 0 32 32" aria-hidden="true">${ghost}</svg>`;
