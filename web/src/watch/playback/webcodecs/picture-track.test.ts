// Pictures are decoded shortly before they are due, few at a time, and continue after any failure.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeDecoders, writeChunk, type Written } from './fake-codecs';
import { PictureTrack } from './picture-track';
import { readRecords } from './records';

let decoders: FakeDecoders;
let failures: string[];
let track: PictureTrack;

beforeEach(() => {
  decoders = new FakeDecoders();
  failures = [];
  track = new PictureTrack({ codec: 'vp8' }, (reason) => failures.push(reason), decoders.pictures);
});
afterEach(() => vi.unstubAllGlobals());

function push(...frames: Written[]): void {
  for (const record of readRecords(writeChunk(frames)) ?? []) track.push(record, 0);
}

/** `count` pictures, 40 ms apart; a keyframe first and then each second. */
function pictures(fromMs: number, count: number): Written[] {
  return Array.from({ length: count }, (_, i) => ({ ptsMs: fromMs + i * 40, key: (fromMs + i * 40) % 1_000 === 0 }));
}

it('returns the newest due picture once, and closes those before it', () => {
  push(...pictures(0, 10));
  track.decode(0);
  expect(track.due(100)?.ptsMs).toBe(80);
  expect(track.due(110)).toBeUndefined();
  expect(track.due(130)?.ptsMs).toBe(120);
  expect(track.dropped).toBe(2);
});

it('decodes no more than is due soon, and keeps few pictures', () => {
  push(...pictures(0, 200));
  track.decode(0);
  expect(decoders.decoded).toHaveLength(7);
  for (let positionMs = 0; positionMs < 4_000; positionMs += 16) {
    track.decode(positionMs);
    track.due(positionMs)?.frame.close();
    expect(decoders.open).toBeLessThanOrEqual(8);
  }
  expect(track.dropped).toBe(0);
});

it('gives a slow decoder only a few at a time', () => {
  decoders.holds = true;
  push(...pictures(0, 25));
  track.decode(5_000);
  expect(decoders.decoded).toHaveLength(8);
});

it('shows pictures in the order of their times, even if they are decoded in another order', () => {
  push({ ptsMs: 0, key: true }, { ptsMs: 120, dtsMs: 40 }, { ptsMs: 40, dtsMs: 80 }, { ptsMs: 80, dtsMs: 120 });
  track.decode(0);
  expect([10, 50, 90, 130].map((at) => track.due(at)?.ptsMs)).toEqual([0, 40, 80, 120]);
});

it('does not show late pictures while it catches up, as after joining', () => {
  push(...pictures(0, 25));
  for (let i = 0; i < 10; i++) {
    track.decode(960);
    const shown = track.due(960)?.ptsMs;
    if (shown !== undefined) expect(shown).toBeGreaterThanOrEqual(800);
  }
  expect(decoders.decoded).toHaveLength(25);
});

it('continues at the newest keyframe that is due when decoding is far behind', () => {
  push(...pictures(0, 100));
  track.decode(3_100);
  expect(decoders.decoded[0]).toBe('key 3000');
  expect(track.dropped).toBe(75);
});

it('begins with a keyframe, and again after clearing', () => {
  push({ ptsMs: 0 }, { ptsMs: 40, key: true });
  track.decode(0);
  track.clear();
  push({ ptsMs: 80 }, { ptsMs: 120, key: true });
  track.decode(80);
  expect(decoders.decoded).toEqual(['key 40', 'key 120']);
});

it('bounds the waiting pictures: keeps the newest group, or nothing', () => {
  for (let second = 0; second < 60; second++) {
    push({ ptsMs: second * 1_000, key: second % 2 === 0, bytes: 1024 * 1024 });
  }
  track.decode(100_000);
  expect(decoders.decoded.length).toBeLessThanOrEqual(8);
  expect(decoders.decoded[0]).toMatch(/^key/);
});

it('continues with a new decoder at the next keyframe when one fails', () => {
  push({ ptsMs: 0, key: true }, { ptsMs: 40 }, { ptsMs: 80, key: true });
  decoders.broken = true;
  track.decode(-230);
  decoders.broken = false;
  track.decode(0);
  expect(decoders.decoded).toEqual(['key 80']);
  expect(decoders.made).toBe(2);
  expect(failures).toEqual([]);
});

it('reports repeated failures', () => {
  push({ ptsMs: 0, key: true }, { ptsMs: 40, key: true }, { ptsMs: 80, key: true });
  decoders.broken = true;
  track.decode(0);
  expect(failures).toEqual(['cannot decode']);
});

it('leaves no picture open', () => {
  push(...pictures(0, 20));
  track.decode(0);
  track.due(50)?.frame.close();
  track.close();
  expect(decoders.open).toBe(0);
});
