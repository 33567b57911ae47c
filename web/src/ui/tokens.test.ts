// Text has the contrast of WCAG AA on its background in both themes, and so do the edges of controls.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const CSS = readFileSync(new URL('tokens.css', import.meta.url), 'utf8');

/** Luminance of `#rrggbb`; WCAG 2.2, "relative luminance". */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function token(name: string, theme: 'light' | 'dark'): string {
  const pair = new RegExp(`--ud-${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(CSS);
  const colour = pair?.[theme === 'light' ? 1 : 2];
  if (colour === undefined) throw new Error(`no colour ${name}`);
  return colour;
}

const TEXT: [text: string, on: string][] = [
  ...['bg', 'surface', 'surface-2', 'accent-soft', 'live-soft', 'warn-soft'].map((on): [string, string] => [
    'text',
    on,
  ]),
  ...['bg', 'surface', 'surface-2'].flatMap((on): [string, string][] => [
    ['muted', on],
    ['accent', on],
    ['live', on],
  ]),
  ['accent', 'accent-soft'],
  ['muted', 'accent-soft'],
  ['live', 'live-soft'],
  ['warn', 'warn-soft'],
  ['on-accent', 'accent'],
  ['on-accent', 'accent-strong'],
  ['on-live', 'live'],
];

for (const theme of ['light', 'dark'] as const) {
  it.each(TEXT)(`${theme}: %s can be read on %s`, (text, on) => {
    expect(contrast(token(text, theme), token(on, theme))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['bg', 'surface'])(`${theme}: edges of controls are visible on %s`, (on) => {
    expect(contrast(token('line-strong', theme), token(on, theme))).toBeGreaterThanOrEqual(3);
    expect(contrast(token('accent', theme), token(on, theme))).toBeGreaterThanOrEqual(3);
  });
}
