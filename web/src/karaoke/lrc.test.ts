// LRC files as they occur: several times before a line, an offset, tags, words with times of their own.

import { expect, it } from 'vitest';
import { lineAt, MAX_LRC_LINES, readLrc } from './lrc';

it('reads lines in order of time, and repeats a line at each of its times', () => {
  const text =
    '\ufeff[ti:Salt]\r\n[00:12.50]First\r\n[00:20][01:05.2]Chorus\r\n[00:16.125]  Second   line \r\n[00:30.00]\r\n';
  expect(readLrc(text)).toEqual([
    { atMs: 12_500, text: 'First' },
    { atMs: 16_125, text: 'Second line' },
    { atMs: 20_000, text: 'Chorus' },
    { atMs: 30_000, text: '' },
    { atMs: 65_200, text: 'Chorus' },
  ]);
});

it('shows lyrics earlier with a positive offset, but never before the beginning', () => {
  expect(readLrc('[offset:+500]\n[00:00.20]a\n[00:02.00]b')).toEqual([
    { atMs: 0, text: 'a' },
    { atMs: 1_500, text: 'b' },
  ]);
});

it('omits the times of single words', () => {
  expect(readLrc('[00:01.00]<00:01.00>Hel <00:01.50>lo')).toEqual([{ atMs: 1_000, text: 'Hel lo' }]);
});

it('finds no lines in a text without times', () => {
  expect(readLrc('Just words\n[Verse]\nmore <b>words</b>\n[99:')).toEqual([]);
});

it('takes linear time, and returns a bounded number of lines', () => {
  expect(readLrc('[00:01.00]'.repeat(6_000))).toHaveLength(MAX_LRC_LINES);
  const empty = '\n'.repeat(200_000);
  expect(readLrc(`${empty}[00:01.00]a${' '.repeat(200_000)}${empty}[offset:-500]`)).toEqual([
    { atMs: 1_500, text: 'a' },
  ]);
});

it('knows the line that is sung', () => {
  const lines = readLrc('[00:01.00]a\n[00:02.00]b');
  expect([0, 999, 1_000, 1_999, 2_000, 99_000].map((ms) => lineAt(lines, ms))).toEqual([-1, -1, 0, 0, 1, 1]);
});
