// Times are read from a recording cut anywhere, and never guessed.

import { describe, expect, it } from 'vitest';
import { BlockTimes } from './block-times';

const UNKNOWN = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

function element(id: number[], content: number[]): number[] {
  return [...id, 0x40 | (content.length >> 8), content.length & 0xff, ...content];
}

/** A SimpleBlock of `track`, `relativeMs` after its Cluster's time, with a payload of `length` bytes. */
function block(track: number, relativeMs: number, length = 30): number[] {
  const time = relativeMs & 0xffff;
  return element([0xa3], [0x80 | track, time >> 8, time & 0xff, 0, ...Array<number>(length).fill(0xa3)]);
}

function cluster(timeMs: number, ...blocks: number[][]): number[] {
  return [0x1f, 0x43, 0xb6, 0x75, ...UNKNOWN, ...element([0xe7], [timeMs >> 8, timeMs & 0xff]), ...blocks.flat()];
}

const track = (number: number, type: number): number[] =>
  element([0xae], [...element([0xd7], [number]), ...element([0x83], [type])]);

/** The sound is track 1 and the picture track 2, as in real recordings. */
const INIT = [
  ...element([0x1a, 0x45, 0xdf, 0xa3], [1, 2, 3]),
  ...[0x18, 0x53, 0x80, 0x67, ...UNKNOWN],
  ...element([0x15, 0x49, 0xa9, 0x66], Array<number>(40).fill(7)),
  ...element([0x16, 0x54, 0xae, 0x6b], [...track(1, 2), ...track(2, 1)]),
];

const RECORDING = [
  ...INIT,
  ...cluster(0, block(1, 0), block(2, 36, 300), block(1, 60)),
  ...cluster(1000, block(1, -4), block(2, 0, 200), block(2, 33)),
];

const bytes = (values: number[]): ArrayBuffer => new Uint8Array(values).buffer;

describe('BlockTimes', () => {
  it('finds the first picture and the newest frame', () => {
    const times = new BlockTimes();
    times.push(bytes(RECORDING));
    expect(times.firstVideoMs).toBe(36);
    expect(times.newestMs).toBe(1033);
  });

  it.each([1, 2, 3, 5, 7, 11, 64])('reads the same times in pieces of %i bytes', (length) => {
    const times = new BlockTimes();
    for (let at = 0; at < RECORDING.length; at += length) times.push(bytes(RECORDING.slice(at, at + length)));
    expect(times.firstVideoMs).toBe(36);
    expect(times.newestMs).toBe(1033);
  });

  it('counts a frame only once it is complete', () => {
    const times = new BlockTimes();
    times.push(bytes(RECORDING.slice(0, -1)));
    expect(times.newestMs).toBe(1000);
    times.push(bytes(RECORDING.slice(-1)));
    expect(times.newestMs).toBe(1033);
  });

  it('counts pictures, without sound', () => {
    const times = new BlockTimes();
    times.push(bytes(RECORDING.slice(0, -1)));
    expect(times.pictures).toBe(2);
    times.push(bytes(RECORDING.slice(-1)));
    expect(times.pictures).toBe(3);
  });

  it('knows nothing before the first frame', () => {
    const times = new BlockTimes();
    times.push(bytes(INIT));
    expect(times.newestMs).toBeUndefined();
    expect(times.firstVideoMs).toBeUndefined();
  });

  it('gives up on other formats, such as MP4', () => {
    const times = new BlockTimes();
    times.push(bytes([0, 0, 0, 24, 0x66, 0x74, 0x79, 0x70, ...RECORDING]));
    times.push(bytes(RECORDING));
    expect(times.newestMs).toBeUndefined();
  });

  it('gives up on frames of unknown size', () => {
    const times = new BlockTimes();
    times.push(bytes(RECORDING));
    times.push(bytes([0xa3, ...UNKNOWN, 0x81, 0, 0, 0]));
    expect(times.newestMs).toBeUndefined();
  });
});
