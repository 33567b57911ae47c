// @vitest-environment happy-dom
// The current line of the lyrics is marked, a press on a line seeks to it, and a file that is not LRC is refused.

import { expect, it } from 'vitest';
import type { SeekEvent } from '../library/timeline';
import { Lyrics, type LyricsFileEvent } from './lyrics';

const LINES = [
  { atMs: 1_000, text: 'First' },
  { atMs: 4_000, text: 'Second' },
];

async function mount(properties: object): Promise<Lyrics> {
  const element = Object.assign(new Lyrics(), properties);
  document.body.append(element);
  await element.updateComplete;
  return element;
}

function marked(element: Lyrics): string[] {
  const found = element.shadowRoot?.querySelectorAll('[aria-current="true"]') ?? [];
  return [...found].map(({ textContent }) => textContent.trim());
}

it('marks the line that is sung', async () => {
  const element = await mount({ lines: LINES, positionMs: 0 });
  expect(marked(element)).toEqual([]);
  element.positionMs = 4_500;
  await element.updateComplete;
  expect(marked(element)).toEqual(['Second']);
});

it('seeks to the line that is pressed', async () => {
  const element = await mount({ lines: LINES });
  const asked: number[] = [];
  element.addEventListener('ud-seek', ({ ms }: SeekEvent) => asked.push(ms));
  element.shadowRoot?.querySelectorAll<HTMLButtonElement>('.line')[1]?.click();
  expect(asked).toEqual([4_000]);
});

async function choose(element: Lyrics, content: string): Promise<string | undefined> {
  let sent: string | undefined;
  element.addEventListener('ud-lyrics-file', ({ lrc }: LyricsFileEvent) => (sent = lrc));
  const input = element.shadowRoot?.querySelector('input');
  Object.defineProperty(input, 'files', { value: [new File([content], 'song.lrc')] });
  input?.dispatchEvent(new Event('change'));
  await new Promise((resolve) => setTimeout(resolve));
  await element.updateComplete;
  return sent;
}

it('accepts an LRC file from people who may edit', async () => {
  expect((await mount({ lines: [] })).shadowRoot?.querySelector('input')).toBeNull();
  const element = await mount({ lines: [], mayEdit: true });
  expect(await choose(element, '[00:01.00]First')).toBe('[00:01.00]First');
});

it.each([
  ['words alone', 'no line with a time'],
  ['[00:01.00]a'.repeat(7_000), 'larger than 64 kB'],
])('refuses another file', async (content, words) => {
  const element = await mount({ lines: [], mayEdit: true });
  expect(await choose(element, content)).toBeUndefined();
  expect(element.shadowRoot?.querySelector('[role=alert]')?.textContent).toContain(words);
});
