// All texts are in the table, so that a translation covers every page.

import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const SRC = new URL('../', import.meta.url);

function templates(): string[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => /^(ui|pages)\/.*(?<!\.test)\.ts$/.test(file));
}

/** Texts of a template that people would read: between tags, and in attributes that are read aloud or shown. */
function texts(source: string): string[] {
  const code = source.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
  const bare = code.replace(/\$\{[^{}]*\}/g, '').replace(/=>/g, '');
  // What stands in angle brackets behind `Promise` or the like is a type.
  const tags = /<\/?(?!(?:void|unknown|string|number|boolean)\b)[a-z][^<>]*>([^<>]*)(?=<)/g;
  const between = [...bare.matchAll(tags)].map(([, text = '']) => text);
  const attributes = [...bare.matchAll(/\b(?:aria-label|title|alt|placeholder|heading|advice)="([^"]+)"/g)];
  return [...between, ...attributes.map(([, text = '']) => text)]
    .filter((text) => !/[`;{}$]/.test(text))
    .map((text) => text.trim())
    .filter((text) => /[A-Za-z]{2}/.test(text));
}

/** The wordmark, and names of design tokens. */
const NAMES = ['undead', '--ud-', '--ud-text-'];

it.each(templates())('%s holds no text', (file) => {
  expect(texts(readFileSync(new URL(file, SRC), 'utf8')).filter((text) => !NAMES.includes(text))).toEqual([]);
});

it('finds a text outside the table', () => {
  expect(texts('(done: Promise<void>): Promise<string>')).toEqual([]);
  expect(texts('html`<p>Read this</p><a title="Hover">${link}</a>`')).toEqual(['Read this', 'Hover']);
});
