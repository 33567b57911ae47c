// Where a fragment begins is read from its own header, to the sample; and memory does not grow with the song.

import { expect, it } from 'vitest';
import type { Fetcher } from '../library/fetcher';
import type { BlobName, Manifest } from '../protocol/item';
import { soundOf } from './fake-output';
import { decodeTimeOf, timescaleOf } from './fragment-time';
import { StemSource } from './stem-source';

type Bytes = Uint8Array<ArrayBuffer>;

function box(type: string, ...content: (Bytes | number[])[]): Bytes {
  const body = content.flatMap((part) => [...part]);
  const bytes = new Uint8Array(8 + body.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(body, 8);
  return bytes;
}

const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

function init(timescale: number, version = 0): Bytes {
  const times = version === 1 ? Array<number>(16).fill(0) : Array<number>(8).fill(0);
  const header = box('mdhd', [version, 0, 0, 0], times, u32(timescale), u32(0));
  return box('moov', box('mvhd', u32(0)), box('trak', box('tkhd', u32(0)), box('mdia', header)));
}

function fragment(time: number, version = 1): Bytes {
  const ticks = version === 1 ? [...u32(0), ...u32(time)] : u32(time);
  const header = box(
    'moof',
    box('mfhd', u32(0)),
    box('traf', box('tfhd', u32(0)), box('tfdt', [version, 0, 0, 0], ticks)),
  );
  return new Uint8Array([...header, ...box('mdat', [1, 2, 3])]);
}

it('reads when a fragment begins, in both versions of its header', () => {
  expect([timescaleOf(init(44_100)), timescaleOf(init(48_000, 1))]).toEqual([44_100, 48_000]);
  expect([decodeTimeOf(fragment(441_003)), decodeTimeOf(fragment(441_003, 0))]).toEqual([441_003, 441_003]);
});

it('does not read what is cut off or something else', () => {
  const whole = fragment(441_003);
  for (let length = 0; length < whole.length; length++) decodeTimeOf(whole.subarray(0, length));
  expect(decodeTimeOf(new Uint8Array([0, 0, 0, 0, 109, 111, 111, 102]))).toBeUndefined();
  expect(timescaleOf(init(0))).toBeUndefined();
  expect(timescaleOf(new Uint8Array(64).fill(255))).toBeUndefined();
});

const blob = (name: string): BlobName => ({ hash: name, bytes: 1 });

function source(count: number): { source: StemSource; fetched: string[] } {
  const fetched: string[] = [];
  const open = (({ hash }: BlobName) => {
    fetched.push(hash);
    const bytes = hash === 'init' ? init(44_100) : fragment(Number(hash) * 441_003);
    return { bytes: () => Promise.resolve(bytes), close: () => undefined };
  }) as unknown as Fetcher['open'];
  const fragments = Array.from({ length: count }, (_, i) => ({
    ...blob(String(i)),
    start_ms: i * 10_000,
    duration_ms: 10_000,
  }));
  const manifest: Manifest = {
    item_id: 'i',
    takes: [{ mime: 'audio/mp4; codecs="flac"', init: blob('init'), fragments }],
  };
  const made = new StemSource({
    fetcher: { open },
    manifest: () => Promise.resolve(manifest),
    canPlay: () => true,
  });
  return { source: made, fetched };
}

const decode = (file: ArrayBuffer): Promise<ReturnType<typeof soundOf>> => Promise.resolve(soundOf(0, file.byteLength));

it('places a fragment at its sample, not at the millisecond of the manifest', async () => {
  const { source: stem } = source(3);
  expect(await stem.open()).toBe(44_100);
  expect((await stem.piece(2, 44_100, decode)).firstSample).toBe(882_006);
  expect((await stem.piece(2, 44_100, decode)).firstSample).not.toBe(882_000);
});

it('decodes to another rate at the sample that is the same moment', async () => {
  const { source: stem } = source(2);
  await stem.open();
  expect((await stem.piece(1, 48_000, decode)).firstSample).toBe(Math.round((441_003 / 44_100) * 48_000));
});

it('keeps a few pieces, and fetches those that it forgot again', async () => {
  const { source: stem, fetched } = source(20);
  await stem.open();
  for (let place = 0; place < 20; place++) await stem.piece(place, 44_100, decode);
  fetched.length = 0;
  await stem.piece(19, 44_100, decode);
  await stem.piece(15, 44_100, decode);
  expect(fetched).toEqual([]);
  await stem.piece(2, 44_100, decode);
  expect(fetched).toEqual(['2']);
});

it('says that the browser cannot play a stem', async () => {
  const stem = new StemSource({
    fetcher: { open: () => ({}) as never },
    manifest: () =>
      Promise.resolve({
        item_id: 'i',
        takes: [{ mime: 'audio/x', fragments: [{ ...blob('a'), start_ms: 0, duration_ms: 1 }] }],
      }),
    canPlay: () => false,
  });
  await expect(stem.open()).rejects.toMatchObject({ code: 'unsupported_media' });
});
