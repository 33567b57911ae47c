// Songs play at exact times of the context: without a gap between pieces, between songs, and at changes of the rate.

import { beforeEach, describe, expect, it } from 'vitest';
import { FakeNodes, FakeStore, fakeAccess, manifestOf, settle } from '../library/fake-library';
import { Fetcher } from '../library/fetcher';
import { planOf } from '../library/plan';
import { FakeContext, fakeTake } from './fake-audio';
import { SongEngine, type EngineOptions } from './song-engine';
import { SoundSource } from './sound-source';

let store: FakeStore;
let nodes: FakeNodes;
let context: FakeContext;

beforeEach(() => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  context = new FakeContext();
});

async function sourceOf(count: number, name?: string, fetch = nodes.fetch): Promise<SoundSource> {
  const source = new SoundSource({
    fetcher: new Fetcher(await fakeAccess(), { fetch }),
    decoder: context.decoder,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  source.learn(planOf(manifestOf([fakeTake(store, count, name)]), () => true));
  return source;
}

async function open(sources: SoundSource[], positionS = 0, options?: EngineOptions): Promise<SongEngine> {
  const engine = new SongEngine(context, sources, context.destination as unknown as AudioNode, options);
  while (!engine.prepare(positionS)) await settle();
  return engine;
}

/** Runs until `toS` and calls `fill` as often as a page does. */
async function playTo(engine: SongEngine, toS: number): Promise<void> {
  while (context.currentTime < toS) {
    context.currentTime = Math.min(toS, context.currentTime + 0.5);
    engine.fill();
    await settle();
  }
}

/** The only position that sounds at full volume. */
function soundAt(atS: number): number | undefined {
  const sounds = context.soundsAt(atS);
  return sounds.length === 1 && sounds[0]?.loudness === 1 ? sounds[0].positionS : undefined;
}

describe('a song', () => {
  it('plays from its start time to its end without a gap', async () => {
    const engine = await open([await sourceOf(6)]);
    engine.start(2, 0);
    await playTo(engine, 63);
    const samples = Array.from({ length: 59_900 }, (_, n) => n + 50);
    const off = samples.filter((n) => Math.abs((soundAt(2 + (n + 0.5) / 1000) ?? -1) - (n + 0.5) / 1000) > 1e-6);
    expect(off).toEqual([]);
    expect(context.soundsAt(1.999).concat(context.soundsAt(62.001))).toEqual([]);
  });

  it('fades in when it begins in its middle', async () => {
    const engine = await open([await sourceOf(6)], 33.3);
    engine.start(1, 33.3);
    expect(soundAt(1.5)).toBeCloseTo(33.8);
    expect(context.soundsAt(1.005)[0]?.loudness).toBeCloseTo(0.5);
    expect(engine.positionAt(1.5)).toBeCloseTo(33.8);
    expect(engine.positionAt(0.5)).toBeUndefined();
  });

  it('is decoded a bounded time ahead', async () => {
    const engine = await open([await sourceOf(60)]);
    engine.start(0, 0);
    await playTo(engine, 1);
    expect(context.decoder.decodings).toBeLessThan(6);
  });

  it('decodes its first piece before it begins and the next ones later, as far ahead as it is told', async () => {
    const times: number[][] = [];
    for (const ahead of [
      { startS: 7, laterS: 15 },
      { startS: 3, laterS: 10 },
    ]) {
      context = new FakeContext();
      const engine = await open([await sourceOf(6)], 0, { ahead });
      engine.start(2, 0);
      const decodedAt: number[] = [];
      for (let known = context.decoder.decodings; context.currentTime < 16;) {
        await playTo(engine, context.currentTime + 0.5);
        if (context.decoder.decodings > known) decodedAt.push(context.currentTime - 2);
        known = context.decoder.decodings;
      }
      times.push(decodedAt);
    }
    expect(times).toEqual([
      [2, 7],
      [4, 10.5],
    ]);
  });

  it('reports that it is dry while a piece is late, then continues where it would be', async () => {
    const engine = await open([await sourceOf(6)]);
    for (const node of ['a', 'b', 'c']) nodes.dead.add(node);
    engine.start(0, 0);
    await playTo(engine, 12);
    expect([engine.isDryAt(9.9), engine.isDryAt(12)]).toEqual([false, true]);
    nodes.dead.clear();
    await playTo(engine, 14);
    expect(engine.isDryAt(14)).toBe(false);
    expect(soundAt(14)).toBeCloseTo(14);
  });

  it('ends at the given time', async () => {
    const engine = await open([await sourceOf(6)]);
    engine.start(0, 0);
    engine.stop(4);
    await playTo(engine, 5);
    expect([soundAt(3.99), context.soundsAt(4.02), engine.positionAt(4)]).toEqual([3.99, [], undefined]);
  });

  it('does not begin if another command replaced its start', async () => {
    const engine = await open([await sourceOf(6)]);
    engine.start(5, 0);
    engine.stop(2);
    await playTo(engine, 6);
    expect(context.soundsAt(6)).toEqual([]);
  });
});

describe('another rate', () => {
  it('continues from the position of the song, and ends at the new time', async () => {
    const engine = await open([await sourceOf(6)]);
    engine.start(0, 0);
    engine.start(4, 4, 1.005);
    engine.start(6, 4 + 2 * 1.005);
    for (const [atS, positionS] of [
      [3.9, 3.9],
      [5, 5.005],
      [6.5, 6.51],
      [12, 12.01],
      [25, 25.01],
    ] as const) {
      await playTo(engine, atS + 0.5);
      expect(soundAt(atS)).toBeCloseTo(positionS, 2);
      expect(engine.positionAt(atS)).toBeCloseTo(positionS, 4);
    }
  });

  it('is audible only as a cross-fade of the same sound', async () => {
    const engine = await open([await sourceOf(6)]);
    engine.start(0, 0);
    engine.start(4, 4, 1.005);
    for (const atS of [3.999, 4.002, 4.005, 4.008, 4.012]) {
      const sounds = context.soundsAt(atS);
      expect(sounds.reduce((sum, { loudness }) => sum + loudness, 0)).toBeCloseTo(1);
      for (const { positionS } of sounds) expect(Math.abs(positionS - atS)).toBeLessThan(0.002);
    }
  });
});

describe('several sources', () => {
  it.each([0, 300])('wait for the late one without extra work, even with %i calls of fill meanwhile', async (times) => {
    let arrive: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    let isLate = false;
    const late: typeof fetch = async (input, init) => {
      if (isLate) await arrived;
      return nodes.fetch(input, init);
    };
    const engine = await open([await sourceOf(5, 'one'), await sourceOf(5, 'two', late)]);
    isLate = true;
    const fill = engine.fill.bind(engine);
    let fills = 0;
    // Without the limit, a loop of microtasks would never end.
    engine.fill = () => {
      if (++fills <= times + 1_000) fill();
    };
    engine.start(1, 0);
    context.currentTime = 5;
    engine.fill();
    await settle();
    for (let n = 0; n < times; n++) engine.fill();
    await settle();
    arrive();
    await settle();
    expect(fills - times).toBeLessThan(20);
    context.currentTime = 11;
    await playTo(engine, 12);
    expect(context.soundsAt(11.5).map(({ positionS }) => positionS)).toEqual([10.5, 10.5]);
  });

  it('play together or not at all, each at its volume', async () => {
    const engine = await open([await sourceOf(3, 'one'), await sourceOf(3, 'two')]);
    engine.gain(1)?.setValueAtTime(0.25, 0);
    engine.start(0, 0);
    await playTo(engine, 25);
    for (const atS of [1, 12, 24]) {
      const sounds = context.soundsAt(atS).sort((a, b) => b.loudness - a.loudness);
      expect(sounds.map(({ loudness }) => loudness)).toEqual([1, 0.25]);
      for (const { positionS } of sounds) expect(positionS).toBeCloseTo(atS);
    }
  });
});
