// Icons as inline SVG, drawn in `currentColor` on 24 by 24 units. They are decorative, so hidden from screen readers.

import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';

function icon(content: SVGTemplateResult): TemplateResult {
  return html`<svg
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    ${content}
  </svg>`;
}

export const broadcastIcon = icon(svg`<circle cx="12" cy="12" r="2.5" fill="currentColor" stroke="none"/>
  <path d="M7.8 16.2a6 6 0 0 1 0-8.4M16.2 7.8a6 6 0 0 1 0 8.4M4.9 19.1a10 10 0 0 1 0-14.2M19.1 4.9a10 10 0 0 1 0 14.2"/>`);
export const playIcon = icon(
  svg`<path d="M7 5.2v13.6a.8.8 0 0 0 1.2.7l11-6.8a.8.8 0 0 0 0-1.4l-11-6.8a.8.8 0 0 0-1.2.7Z" fill="currentColor" stroke="none"/>`,
);
export const screenIcon = icon(svg`<rect x="3" y="4" width="18" height="13" rx="2.5"/><path d="M8.5 21h7M12 17v4"/>`);
export const viewersIcon = icon(
  svg`<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="2.8"/>`,
);
export const linkIcon = icon(
  svg`<path d="M10 13.5a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1.2 1.2M14 10.5a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2"/>`,
);
export const checkIcon = icon(svg`<path d="m4.5 12.5 5 5 10-11"/>`);
export const stopIcon = icon(
  svg`<rect x="6" y="6" width="12" height="12" rx="2.5" fill="currentColor" stroke="none"/>`,
);
export const swapIcon = icon(svg`<path d="M4 8h14l-3.5-3.5M20 16H6l3.5 3.5"/>`);
export const warnIcon = icon(
  svg`<path d="M12 3.8 2.6 19.4a.8.8 0 0 0 .7 1.2h17.4a.8.8 0 0 0 .7-1.2L12 3.8ZM12 10v4.5"/><circle cx="12" cy="17.4" r=".6" fill="currentColor"/>`,
);
export const cameraIcon = icon(
  svg`<rect x="2.5" y="6" width="13" height="12" rx="2.5"/><path d="m15.5 10.5 6-3v9l-6-3"/>`,
);
export const microphoneIcon = icon(
  svg`<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>`,
);
export const microphoneOffIcon = icon(
  svg`<path d="M15 9.5V6a3 3 0 0 0-5.8-1M9 9v2a3 3 0 0 0 4.6 2.5M5.5 11.5a6.5 6.5 0 0 0 10 5.5M18.5 11.5a6.4 6.4 0 0 1-.5 2.5M12 18v3M4 4l16 16"/>`,
);
export const pauseIcon = icon(
  svg`<rect x="6.5" y="5" width="4" height="14" rx="1.4" fill="currentColor" stroke="none"/><rect x="13.5" y="5" width="4" height="14" rx="1.4" fill="currentColor" stroke="none"/>`,
);
const speaker = svg`<path d="M11 5.5 6.8 9H4a1 1 0 0 0-1 1v4a1 1 0 0 0 1 1h2.8l4.2 3.5Z" fill="currentColor"/>`;
export const soundIcon = icon(svg`${speaker}<path d="M15 9.2a4 4 0 0 1 0 5.6M17.8 6.4a8 8 0 0 1 0 11.2"/>`);
export const mutedIcon = icon(svg`${speaker}<path d="m15.5 9.5 5 5M20.5 9.5l-5 5"/>`);
export const enlargeIcon = icon(
  svg`<path d="M4 9V5a1 1 0 0 1 1-1h4M15 4h4a1 1 0 0 1 1 1v4M20 15v4a1 1 0 0 1-1 1h-4M9 20H5a1 1 0 0 1-1-1v-4"/>`,
);
export const shrinkIcon = icon(
  svg`<path d="M9 4v4a1 1 0 0 1-1 1H4M20 9h-4a1 1 0 0 1-1-1V4M15 20v-4a1 1 0 0 1 1-1h4M4 15h4a1 1 0 0 1 1 1v4"/>`,
);
export const pictureInPictureIcon = icon(
  svg`<rect x="3" y="5" width="18" height="14" rx="2.5"/><rect x="12" y="11.5" width="6.5" height="5" rx="1" fill="currentColor"/>`,
);
export const statsIcon = icon(svg`<path d="M5 20v-7M10 20V9M15 20v-4M20 20V4"/>`);
export const keyboardIcon = icon(
  svg`<rect x="2.5" y="6" width="19" height="12" rx="2.5"/><path d="M6.5 10h.01M10 10h.01M13.5 10h.01M17.5 10h.01M6.5 14h.01M17.5 14h.01M10 14h4"/>`,
);
export const infoIcon = icon(
  svg`<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5"/><circle cx="12" cy="7.8" r=".6" fill="currentColor"/>`,
);
export const closeIcon = icon(svg`<path d="m6 6 12 12M18 6 6 18"/>`);
export const appearanceIcon = icon(
  svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5a8.5 8.5 0 0 1 0 17Z" fill="currentColor"/>`,
);
export const lockIcon = icon(
  svg`<rect x="5" y="10.5" width="14" height="9.5" rx="2.5"/><path d="M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5"/>`,
);
export const shareIcon = icon(svg`<path d="M12 15V4M8 7.5 12 3.5l4 4M5 13v5a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-5"/>`);
export const accountIcon = icon(
  svg`<circle cx="12" cy="8" r="4"/><path d="M4.5 20.5c1.2-3.6 4-5.5 7.5-5.5s6.3 1.9 7.5 5.5"/>`,
);
export const moreIcon = icon(
  svg`<g fill="currentColor" stroke="none"><circle cx="5" cy="12" r="2"/><circle cx="12" cy="12" r="2"/><circle cx="19" cy="12" r="2"/></g>`,
);
export const uploadIcon = icon(
  svg`<path d="M12 16V4.5M7 9.2l5-5 5 5M4.5 16.5V19a1.5 1.5 0 0 0 1.5 1.5h12a1.5 1.5 0 0 0 1.5-1.5v-2.5"/>`,
);
export const recordIcon = icon(svg`<circle cx="12" cy="12" r="6" fill="currentColor" stroke="none"/>`);
export const nextIcon = icon(
  svg`<path d="M5 5.8v12.4a.7.7 0 0 0 1.1.6l9.2-6.2a.7.7 0 0 0 0-1.2L6.1 5.2A.7.7 0 0 0 5 5.8Z" fill="currentColor" stroke="none"/><path d="M19 5.5v13"/>`,
);
export const previousIcon = icon(
  svg`<path d="M19 5.8v12.4a.7.7 0 0 1-1.1.6l-9.2-6.2a.7.7 0 0 1 0-1.2l9.2-6.2a.7.7 0 0 1 1.1.6Z" fill="currentColor" stroke="none"/><path d="M5 5.5v13"/>`,
);
export const queueIcon = icon(
  svg`<path d="M4 6.5h16M4 12h10M4 17.5h7"/><path d="M17 13v7l4-3.5Z" fill="currentColor"/>`,
);
export const downloadIcon = icon(svg`<path d="M12 4v11M8 11.5l4 4 4-4M5 19.5h14"/>`);
export const editIcon = icon(
  svg`<path d="m4.5 19.5 1-4.2L16 4.8a1.7 1.7 0 0 1 2.4 0l.8.8a1.7 1.7 0 0 1 0 2.4L8.7 18.5Z"/>`,
);
export const binIcon = icon(svg`<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.9 12.5h9.2L17.5 7M10.2 11v5M13.8 11v5"/>`);
export const noteIcon = icon(
  svg`<path d="M9.5 17.5V6l9-2v11.5"/><circle cx="7" cy="17.5" r="2.5" fill="currentColor"/><circle cx="16" cy="15.5" r="2.5" fill="currentColor"/>`,
);
export const filmIcon = icon(
  svg`<rect x="3" y="5" width="18" height="14" rx="2.5"/><path d="M10 9.2v5.6l4.8-2.8Z" fill="currentColor"/>`,
);
export const upIcon = icon(svg`<path d="m6 14.5 6-6 6 6"/>`);
export const downIcon = icon(svg`<path d="m6 9.5 6 6 6-6"/>`);
export const searchIcon = icon(svg`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`);
export const backIcon = icon(
  svg`<path d="M5 5.5v4.6h4.6"/><path d="M5.4 10a7.6 7.6 0 1 1-.6 5"/><text x="12.4" y="16.1" text-anchor="middle" font-size="7.5" font-weight="700" fill="currentColor" stroke="none">10</text>`,
);
export const plusIcon = icon(svg`<path d="M12 5.5v13M5.5 12h13"/>`);
export const gripIcon = icon(
  svg`<g fill="currentColor" stroke="none"><circle cx="9" cy="6" r="1.6"/><circle cx="15" cy="6" r="1.6"/><circle cx="9" cy="12" r="1.6"/><circle cx="15" cy="12" r="1.6"/><circle cx="9" cy="18" r="1.6"/><circle cx="15" cy="18" r="1.6"/></g>`,
);
export const peopleIcon = icon(
  svg`<circle cx="9" cy="8.5" r="3.5"/><path d="M2.8 19.5c.9-3.3 3.2-5 6.2-5s5.3 1.7 6.2 5M15.5 5.4a3.5 3.5 0 0 1 0 6.2M17.6 14.9c1.8.7 3 2.2 3.6 4.6"/>`,
);
export const settingsIcon = icon(
  svg`<path d="M4 7h9M19 7h1M4 17h1M11 17h9"/><circle cx="16" cy="7" r="2.6"/><circle cx="8" cy="17" r="2.6"/>`,
);
export const sendIcon = icon(svg`<path d="M4.5 12 20 4.5 15.5 20l-3.4-6.2Z"/><path d="m12 13.8 3.2-3.6"/>`);
export const mailIcon = icon(svg`<rect x="3" y="5.5" width="18" height="13" rx="2.5"/><path d="m4 7.5 8 6 8-6"/>`);
export const crownIcon = icon(svg`<path d="M4 18.5 2.8 8l5.4 3.8L12 5l3.8 6.8L21.2 8 20 18.5Z" fill="currentColor"/>`);
export const tuneIcon = icon(svg`<path d="M3 12h2.5l2-6 3.2 13 3.2-11 2 6.5 1.4-2.5H21"/>`);
