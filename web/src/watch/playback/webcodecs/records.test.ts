// Chunks of bare frames are read back as written, and any other input is refused without throwing.

import { expect, it } from 'vitest';
import { writeChunk } from './fake-codecs';
import { readRecords } from './records';

it('reads frames of both tracks, gaps, and headers of later versions', () => {
  const chunk = writeChunk([
    { key: true, ptsMs: 1_000, dtsMs: 900, durationMs: 33, bytes: 3 },
    { track: 1, gap: true, ptsMs: 5, durationMs: 20 },
    { track: 1, ptsMs: 25, bytes: 1, appended: 8 },
  ]);
  expect(readRecords(chunk)).toEqual([
    { track: 0, key: true, gap: false, ptsUs: 1e6, dtsUs: 9e5, durationUs: 33_000, data: new Uint8Array([7, 7, 7]) },
    { track: 1, key: false, gap: true, ptsUs: 5_000, dtsUs: 5_000, durationUs: 20_000, data: new Uint8Array() },
    { track: 1, key: false, gap: false, ptsUs: 25_000, dtsUs: 25_000, durationUs: 20_000, data: new Uint8Array([7]) },
  ]);
  expect(readRecords(new ArrayBuffer(0))).toEqual([]);
});

it('refuses a chunk that ends within a record, at any point', () => {
  const chunk = writeChunk([{ ptsMs: 0, bytes: 5 }]);
  for (let bytes = 1; bytes < chunk.byteLength; bytes++) expect(readRecords(chunk.slice(0, bytes))).toBeUndefined();
});

it('never throws and always ends, whatever the input', () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31);
  for (let round = 0; round < 5_000; round++) {
    const bytes = Uint8Array.from({ length: random() % 120 }, () => (random() >> 8) & (round % 2 === 0 ? 0xff : 3));
    expect(() => readRecords(bytes.buffer)).not.toThrow();
  }
});
