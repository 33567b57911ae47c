// Secrets behind `#` are read once and removed from the address.

import { expect, it } from 'vitest';
import { takeFromFragment } from './fragment';

function address(hash: string) {
  const shown: string[] = [];
  const history = { state: null, replaceState: (_state: unknown, _title: string, url: string) => shown.push(url) };
  return { shown, address: { location: { hash, pathname: '/view/abc', search: '?region=eu' }, history } };
}

it('takes a secret out of the address and leaves the rest', () => {
  const { shown, address: page } = address('#invitation=a%2Bb&t=5');
  expect(takeFromFragment('invitation', page)).toBe('a+b');
  expect(shown).toEqual(['/view/abc?region=eu#t=5']);
});

it('leaves addresses without a secret unchanged', () => {
  for (const hash of ['', '#chapter']) {
    const { shown, address: page } = address(hash);
    expect(takeFromFragment('invitation', page)).toBeUndefined();
    expect(shown).toEqual([]);
  }
});

it('reads it even if the address cannot be changed, and ignores an empty one', () => {
  const { address: page } = address('#setup=abc');
  page.history.replaceState = () => {
    throw new DOMException('not here', 'SecurityError');
  };
  expect(takeFromFragment('setup', page)).toBe('abc');
  expect(takeFromFragment('setup', address('#setup=').address)).toBeUndefined();
});
