// Pieces of an item are decoded so that they follow one another to the sample. Each is decoded once, with bounded
// memory, even if some are damaged.

import { beforeEach, describe, expect, it } from 'vitest';
import { FakeNodes, FakeStore, fakeAccess, manifestOf, settle } from '../library/fake-library';
import { Fetcher } from '../library/fetcher';
import { planOf } from '../library/plan';
import type { TakeFormat } from '../protocol/item';
import { CUT_SAMPLES, FakeDecoder, FakeSound, fakeTake } from './fake-audio';
import { fakeFragment, fakeInit } from './fake-fragment';
import { SoundSource, type PlacedSound } from './sound-source';

let store: FakeStore;
let nodes: FakeNodes;
let decoder: FakeDecoder;

beforeEach(() => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  decoder = new FakeDecoder();
});

async function open(...takes: (TakeFormat & { offset_ms?: number })[]): Promise<SoundSource> {
  const source = new SoundSource({
    fetcher: new Fetcher(await fakeAccess(), { fetch: nodes.fetch }),
    decoder,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  source.learn(planOf(manifestOf(takes), () => true));
  return source;
}

/** The first sample, the number of the first sample it holds, and the end of a piece. */
function samplesOf({ firstSample, length, sound }: PlacedSound<AudioBuffer>) {
  return { at: firstSample, has: (sound as unknown as FakeSound | undefined)?.from, until: firstSample + length };
}

describe('a piece', () => {
  it('begins where the previous one ended, although decoders cut the beginning of each file', async () => {
    const source = await open(fakeTake(store, 4));
    const pieces = [];
    for (let place = 0; place < 4; place++) pieces.push(samplesOf(await source.load(place, place === 0)));
    expect(pieces).toEqual([
      { at: CUT_SAMPLES, has: CUT_SAMPLES, until: 10_000 },
      { at: 10_000, has: 10_000, until: 20_000 },
      { at: 20_000, has: 20_000, until: 30_000 },
      { at: 30_000, has: 30_000, until: 40_000 },
    ]);
  });

  it('is fetched once, even if the next one needs it too', async () => {
    const source = await open(fakeTake(store, 4));
    for (let place = 0; place < 4; place++) await source.load(place, place === 0);
    const asked = nodes.asked.map(({ hash }) => hash);
    expect(new Set(asked).size).toBe(asked.length);
  });

  it('is decoded alone once at most, to learn how long the next one is', async () => {
    const source = await open(fakeTake(store, 4));
    await source.load(0, true);
    expect(decoder.decodings).toBe(1);
    await source.load(1, false);
    expect(decoder.decodings).toBe(2);
    await source.load(2, false);
    expect(decoder.decodings).toBe(4);
  });

  it('that was fetched before is decoded when it is loaded', async () => {
    const source = await open(fakeTake(store, 4));
    source.fetch(0);
    await settle();
    const asked = nodes.asked.length;
    expect([asked > 0, decoder.decodings]).toEqual([true, 0]);
    await source.load(0, true);
    expect([nodes.asked.length, decoder.decodings]).toEqual([asked, 1]);
  });

  it('needs no previous piece if nothing is heard before it', async () => {
    const source = await open(fakeTake(store, 4));
    const first = samplesOf(await source.load(2, true));
    expect([first, nodes.asked.length]).toEqual([{ at: 20_007, has: 20_007, until: 30_000 }, 2]);
    expect(source.peek(2, true)).toBeDefined();
    // After another piece it would lack its beginning.
    expect(source.peek(2, false)).toBeUndefined();
    expect(samplesOf(await source.load(2, false)).has).toBe(20_000);
  });

  it('of another take is decoded without the previous one', async () => {
    const second = { ...store.take('two', 'audio/webm; codecs="opus"', 1, { offsetMs: 10_000 }), offset_ms: 10_000 };
    const source = await open(fakeTake(store, 1), second);
    expect((await source.load(1, false)).firstSample).toBe(10_000);
    expect(decoder.decodings).toBe(1);
  });

  it('that is damaged is silent and the song continues', async () => {
    const source = await open(fakeTake(store, 6));
    await source.load(0, true);
    decoder.damaged = '10000,20000';
    const damaged = await source.load(1, false);
    expect([damaged.sound, damaged.firstSample, damaged.length]).toEqual([undefined, 10_000, 10_000]);
    expect(samplesOf(await source.load(3, false)).has).toBe(30_000);
    expect(source.problem).toBeUndefined();
  });

  it('is loaded although nodes fail for a while', async () => {
    const source = await open(fakeTake(store, 1));
    for (const node of ['a', 'b', 'c']) nodes.dead.add(node);
    const loading = source.load(0, true);
    await settle();
    nodes.dead.clear();
    expect((await loading).length).toBe(10_000 - CUT_SAMPLES);
  });
});

describe('a piece whose media has a start time', () => {
  const RATE = 44_100;
  /** The fragments begin at multiples of 441,003 samples, which are not whole milliseconds. */
  function sourceAt(rate: number): SoundSource {
    const hold = (hash: string) => ({
      bytes: () => Promise.resolve(hash === 'init' ? fakeInit(RATE) : fakeFragment(Number(hash) * 441_003)),
      close: () => undefined,
    });
    const length = Math.round(10.00007 * rate);
    const source = new SoundSource({
      fetcher: { open: ({ hash }) => hold(hash) as never },
      decoder: {
        rate,
        decode: () => Promise.resolve(new FakeSound(0, length) as unknown as AudioBuffer),
        after: () => new FakeSound(0, length) as unknown as AudioBuffer,
      },
    });
    const fragments = [0, 1, 2, 3].map((n) => ({
      hash: String(n),
      bytes: 1,
      start_ms: n * 10_000,
      duration_ms: 10_000,
    }));
    const init = { hash: 'init', bytes: 1 };
    source.learn(planOf(manifestOf([{ mime: 'audio/mp4; codecs="flac"', init, fragments }]), () => true));
    return source;
  }

  it('is placed at its sample, not at the millisecond of the manifest', async () => {
    expect((await sourceAt(RATE).load(2, true)).firstSample).toBe(882_006);
    expect((await sourceAt(RATE).load(2, false)).firstSample).toBe(882_006);
  });

  it('is placed at the same time in another sample rate', async () => {
    expect((await sourceAt(48_000).load(1, true)).firstSample).toBe(Math.round((441_003 / RATE) * 48_000));
  });
});

it('an item that the browser cannot decode fails at its first piece', async () => {
  const source = await open(fakeTake(store, 2));
  decoder.damaged = 'init';
  await expect(source.load(0, true)).rejects.toMatchObject({ code: 'malformed_media' });
  expect(source.problem?.code).toBe('malformed_media');
});

it('a piece that is refused permanently is not requested again', async () => {
  let asked = 0;
  const fetch: typeof globalThis.fetch = () => {
    asked++;
    return Promise.resolve(Response.json({ error: { code: 'unknown_item', message: '' } }, { status: 404 }));
  };
  const source = new SoundSource({ fetcher: new Fetcher(await fakeAccess(), { fetch }), decoder });
  source.learn(planOf(manifestOf([fakeTake(store, 2)]), () => true));
  await expect(source.load(0, true)).rejects.toMatchObject({ code: 'unknown_item' });
  const askedFirst = asked;
  for (const place of [0, 1, 0]) await expect(source.load(place, true)).rejects.toMatchObject({ code: 'unknown_item' });
  expect(askedFirst).toBeGreaterThan(0);
  expect(asked).toBe(askedFirst);
});

it('memory does not grow with the item', async () => {
  class Large extends FakeDecoder {
    override async decode(file: ArrayBuffer): Promise<AudioBuffer> {
      return Object.assign(await super.decode(file), { numberOfChannels: 200 });
    }
    override after(sound: AudioBuffer, from: number): AudioBuffer {
      return Object.assign(super.after(sound, from), { numberOfChannels: 200 });
    }
  }
  decoder = new Large();
  const source = await open(fakeTake(store, 30));
  for (let place = 0; place < 30; place++) await source.load(place, place === 0);
  const kept = Array.from({ length: 30 }, (_, place) => source.peek(place, false)).filter((piece) => piece?.sound);
  expect(kept.length).toBeGreaterThan(1);
  expect(kept.length).toBeLessThan(5);
});
