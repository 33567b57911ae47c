// Copies a link through the clipboard API, or else through the selection. If neither works, the link is left selected.

import { describe, expect, it } from 'vitest';
import { copyKeys, copyText, type Clipboard } from './clipboard';

const LINK = 'http://host/view/abc';

function field() {
  const done: string[] = [];
  return { done, focus: () => void done.push('focus'), select: () => void done.push('select') };
}

describe('copyText', () => {
  it('uses the clipboard where the page may, and leaves the focus alone', async () => {
    const copied: string[] = [];
    const shown = field();
    const api = { writeText: (text: string) => Promise.resolve(void copied.push(text)) };
    expect(await copyText(LINK, shown, { api, copySelection: () => false })).toBe(true);
    expect(copied).toEqual([LINK]);
    expect(shown.done).toEqual([]);
  });

  const refusing = { writeText: () => Promise.reject(new DOMException('', 'NotAllowedError')) };
  it.each([
    ['missing, as over plain http', undefined],
    ['refused', refusing],
  ])('copies the selection where the clipboard is %s', async (_why, api: Clipboard['api']) => {
    const shown = field();
    expect(await copyText(LINK, shown, { api, copySelection: () => shown.done.length === 2 })).toBe(true);
    expect(shown.done).toEqual(['focus', 'select']);
  });

  it.each([
    () => false,
    () => {
      throw new DOMException('', 'SecurityError');
    },
  ])('says so and leaves the link selected where nothing can be copied', async (copySelection) => {
    const shown = field();
    expect(await copyText(LINK, shown, { api: undefined, copySelection })).toBe(false);
    expect(shown.done).toEqual(['focus', 'select']);
  });

  it('names the keys of the system', () => {
    expect(copyKeys('MacIntel')).toBe('⌘C');
    expect(copyKeys('Linux x86_64')).toBe('Ctrl+C');
  });
});
