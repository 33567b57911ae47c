// Sound packets are decoded shortly before they are due; those long past are skipped.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FakeDecoders, writeChunk, type Written } from './fake-codecs';
import { readRecords } from './records';
import type { SoundBlock } from './sound-message';
import { SoundTrack } from './sound-track';

let decoders: FakeDecoders;
let blocks: SoundBlock[];
let failures: string[];
let track: SoundTrack;

beforeEach(() => {
  decoders = new FakeDecoders();
  blocks = [];
  failures = [];
  const config = { codec: 'opus', sampleRate: 48_000, numberOfChannels: 2 };
  const owner = {
    decoded: (block: SoundBlock) => blocks.push(block),
    failed: (reason: string) => failures.push(reason),
  };
  track = new SoundTrack(config, owner, decoders.sound);
});
afterEach(() => vi.unstubAllGlobals());

function push(...frames: Written[]): void {
  for (const record of readRecords(writeChunk(frames)) ?? []) track.push(record, 1_000);
}

it('returns the samples that are due soon, on the player’s clock', () => {
  push(...Array.from({ length: 100 }, (_, i) => ({ ptsMs: i * 20, key: true })));
  track.decode(1_000);
  expect(blocks).toHaveLength(31);
  expect(blocks[1]).toMatchObject({ startS: 1.02, sampleRate: 48_000 });
  expect(blocks[1]?.channels.map(({ length }) => length)).toEqual([960, 960]);
  expect(track.endMs).toBe(3_000);
});

it('skips packets that were due long ago, and gaps', () => {
  push(...Array.from({ length: 100 }, (_, i) => ({ ptsMs: i * 20, gap: i === 98 })));
  track.decode(2_900);
  expect(decoders.decoded).toEqual(
    [...Array.from({ length: 9 }, (_, i) => `sound ${2_780 + i * 20}`), 'sound 2980'].slice(0),
  );
  expect(track.endMs).toBe(3_000);
});

it('continues with a new decoder when one fails, and reports repeated failures', () => {
  push({ ptsMs: 0 }, { ptsMs: 20 });
  decoders.broken = true;
  track.decode(400);
  track.decode(1_000);
  expect(failures).toEqual([]);
  push({ ptsMs: 40 });
  track.decode(1_000);
  expect(failures).toEqual(['cannot decode']);
  decoders.broken = false;
  push({ ptsMs: 60 });
  track.decode(1_000);
  expect(blocks).toHaveLength(1);
});
