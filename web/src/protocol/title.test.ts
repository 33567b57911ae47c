// The form accepts the same titles as the main server.

import { expect, test } from 'vitest';
import cases from '../../../crates/protocol/fixtures/titles.json';
import { cleanTitle, MAX_TITLE_CHARS } from './title';

test.each(cases.cleaned as [string, string][])('%j is taken as %j', (given, title) => {
  expect(cleanTitle(given)).toBe(title);
  expect(cleanTitle(title)).toBe(title);
});

test.each(cases.refused)('%j is no title', (given) => {
  expect(cleanTitle(given)).toBeUndefined();
});

test('characters outside the basic plane count once', () => {
  expect(cleanTitle('🎥'.repeat(MAX_TITLE_CHARS))).toBe('🎥'.repeat(MAX_TITLE_CHARS));
  expect(cleanTitle('🎥'.repeat(MAX_TITLE_CHARS + 1))).toBeUndefined();
});
