import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';

import { basePath, site, sitePath } from './site';

const SRC = new URL('../', import.meta.url);

test('a page below a path addresses the site below that path', () => {
  const base = basePath('/live-tv/');
  expect(site('/view/a', base)).toBe('/live-tv/view/a');
  expect(sitePath('/live-tv/view/a', base)).toBe('/view/a');
  expect(sitePath('/live-tvs/view/a', base)).toBe('/live-tvs/view/a');
});

test('a page at the root, or served by the development server, addresses the root', () => {
  for (const content of ['/', './', undefined]) {
    const base = basePath(content);
    expect(site('/view/a', base)).toBe('/view/a');
    expect(sitePath('/view/a', base)).toBe('/view/a');
  }
});

test('no page spells out an address from the root of its host', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const absolute = /(href|src|action)="\/|fetch\(['"`]\/|EventSource\(['"`]\/|location\.origin \+ ['"`]\//;
  expect(files.filter((file) => absolute.test(readFileSync(new URL(file, SRC), 'utf8')))).toEqual([]);
});

test('no page has inline styles: the policy that it is served with forbids them', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const inline = /\sstyle=["$]|styleMap|setAttribute\('style'/;
  expect(files.filter((file) => inline.test(readFileSync(new URL(file, SRC), 'utf8')))).toEqual([]);
});
