// Both stems of a song play at the same sample: across fragments, after seeks, and after late media.

import { beforeEach, expect, it } from 'vitest';
import { FAKE_RATE, FakeContext } from '../audio/fake-audio';
import { SoundSource } from '../audio/sound-source';
import { FakeNodes, FakeStore, fakeAccess, hashOf, manifestOf, settle } from '../library/fake-library';
import { Fetcher } from '../library/fetcher';
import { planOf } from '../library/plan';
import type { TakeFormat } from '../protocol/item';
import { CallError } from '../protocol/error';
import { StemPlayer, type StemState } from './stem-player';

const END_MS = 30_000;
/** Each stem is cut at other samples, as encoders do. */
const CUTS = { accompaniment: [0, 10_003, 20_001], vocals: [0, 9_990, 20_001] };

let store: FakeStore;
let nodes: FakeNodes;
let context: FakeContext;
let isAllowed: boolean;
let player: StemPlayer;
let look: () => void;
let states: StemState[];
/** Requests for these blobs wait until the promise resolves. */
let held: Map<string, Promise<void>>;

const phase = (): StemState['phase'] | undefined => states.at(-1)?.phase;

function takeOf(name: string, cuts: readonly number[]): TakeFormat {
  const fragments = cuts.map((start, n) => {
    const end = cuts[n + 1] ?? END_MS;
    const bytes = new TextEncoder().encode(`${start},${end};`.padEnd(400, '.'));
    return { ...store.put(`${name}${n}`, bytes), start_ms: start, duration_ms: end - start };
  });
  return {
    mime: 'audio/mp4; codecs="flac"',
    init: store.put(`${name}-init`, new TextEncoder().encode(name)),
    fragments,
  };
}

const fetchHeld = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
  await held.get(new URL(input as string).pathname.split('/').at(-1) ?? '');
  return await nodes.fetch(input, init);
};

async function sourceOf(name: keyof typeof CUTS, failed: (error: CallError) => void): Promise<SoundSource> {
  const source = new SoundSource({
    fetcher: new Fetcher(await fakeAccess(), { fetch: fetchHeld }),
    decoder: context.decoder,
    failed,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
  source.learn(planOf(manifestOf([takeOf(name, CUTS[name])]), () => true));
  return source;
}

beforeEach(async () => {
  store = new FakeStore();
  nodes = new FakeNodes(store);
  context = new FakeContext();
  isAllowed = true;
  states = [];
  held = new Map<string, Promise<void>>();
  player = new StemPlayer({
    open: async (failed) => ({
      sources: [await sourceOf('accompaniment', failed), await sourceOf('vocals', failed)],
      output: {
        context,
        input: context.destination as unknown as AudioNode,
        latencyS: 0,
        get isRunning() {
          return context.state === 'running';
        },
        resume: () => {
          if (isAllowed) context.state = 'running';
          return Promise.resolve(isAllowed);
        },
        close: () => undefined,
      },
    }),
    changed: (state) => states.push(state),
    every: (_ms, call) => {
      look = call;
      return () => undefined;
    },
  });
  await player.open();
});

async function settleAll(): Promise<void> {
  for (let n = 0; n < 20; n++) await settle();
}

/** Advances by `samples`, and lets the player schedule in between. */
async function run(samples: number): Promise<void> {
  for (let done = 0; done < samples; done += 100) {
    context.currentTime += Math.min(100, samples - done) / FAKE_RATE;
    look();
    await settle();
  }
}

async function play(): Promise<void> {
  player.play();
  await settleAll();
}

/** The samples of the song that are heard now, one per audible stem. */
function heard(): number[] {
  return context.soundsAt(context.currentTime + 1e-6).map(({ positionS }) => positionS * FAKE_RATE);
}

function expectInStep(): number {
  const [one, other, ...more] = heard();
  expect(one).toBeTypeOf('number');
  expect(other).toBeCloseTo(one ?? 0, 6);
  expect(more).toEqual([]);
  return one ?? 0;
}

it('plays both stems at the same sample, across their fragments', async () => {
  await play();
  await run(500);
  for (const samples of [0, 9_400, 60, 200, 9_900, 8_000]) {
    await run(samples);
    expect(player.positionMs).toBeCloseTo(expectInStep(), 2);
  }
});

it('skips no sample between fragments, and plays none twice', async () => {
  await play();
  await run(29_000);
  // Checks half a sample away from the boundaries.
  for (let sample = 500; sample < 28_000; sample++) {
    const atS = 0.08 + (sample + 0.5) / FAKE_RATE;
    expect(context.soundsAt(atS).map(({ positionS }) => Math.round(positionS * FAKE_RATE - 0.5))).toEqual([
      sample,
      sample,
    ]);
  }
});

it('schedules a bounded time ahead', async () => {
  const isAsked = (): boolean => nodes.asked.some(({ hash }) => hash === hashOf('vocals2'));
  await play();
  expect(isAsked()).toBe(false);
  await run(6_000);
  expect(isAsked()).toBe(true);
});

it('seeks: cancels what was scheduled, and both stems continue from there', async () => {
  await play();
  await run(1_000);
  player.seek(20_500);
  await settleAll();
  context.currentTime += 0.02;
  expect(heard()).toEqual([]);
  await run(300);
  expect(expectInStep()).toBeGreaterThanOrEqual(20_500);
  expect(player.positionMs).toBeGreaterThanOrEqual(20_500);
  expect(player.positionMs).toBeLessThan(21_000);
});

it('pauses at its position, and continues from there', async () => {
  await play();
  await run(2_000);
  player.pause();
  const at = player.positionMs;
  await run(5_000);
  expect([heard(), player.positionMs]).toEqual([[], at]);
  await play();
  await run(200);
  expect(Math.abs(expectInStep() - at)).toBeLessThan(300);
});

it('plays neither stem while a fragment of one is late, then continues both where they stopped', async () => {
  let come = (): void => undefined;
  held.set(hashOf('vocals1'), new Promise((resolve) => (come = resolve)));
  await play();
  await run(9_000);
  await run(2_000);
  expect(heard()).toEqual([]);
  expect(phase()).toBe('waiting');
  expect(player.positionMs).toBeCloseTo(9_990, 6);
  come();
  await settleAll();
  expect(phase()).toBe('playing');
  await run(200);
  const sample = expectInStep();
  expect(sample).toBeGreaterThanOrEqual(9_990);
  expect(sample).toBeLessThan(10_300);
});

it('skips nothing if a fragment arrives after its start time but before the next check', async () => {
  let come = (): void => undefined;
  held.set(hashOf('vocals1'), new Promise((resolve) => (come = resolve)));
  await play();
  await run(10_000);
  context.currentTime += 0.2;
  come();
  await settleAll();
  look();
  await settleAll();
  expect(player.positionMs).toBeCloseTo(9_990, 6);
  await run(100);
  expect(expectInStep()).toBeLessThan(10_100);
});

it('changes the volume of one stem while they play, and reschedules nothing', async () => {
  await play();
  await run(500);
  const { length } = context.players;
  player.setGain(1, 0.3);
  expect(context.soundsAt(context.currentTime).map(({ loudness }) => loudness)).toEqual([1, 0.3]);
  expect(context.players).toHaveLength(length);
});

it('keeps trying while no node can be reached, and reports it', async () => {
  for (const node of ['a', 'b', 'c']) nodes.dead.add(node);
  await play();
  expect(phase()).toBe('waiting');
  expect(states.at(-1)?.error).toBeInstanceOf(CallError);
  nodes.dead.clear();
  await settleAll();
  await run(200);
  expect([phase(), player.state.error]).toEqual(['playing', undefined]);
  expectInStep();
});

it('fails if a stem cannot be decoded, and is silent', async () => {
  context.decoder.damaged = 'vocals';
  await play();
  await run(1_000);
  expect(player.state).toMatchObject({ phase: 'failed', error: { code: 'malformed_media' } });
  expect(heard()).toEqual([]);
});

it('fails if a fragment is refused permanently, and requests it no more', async () => {
  store.blobs.delete(hashOf('vocals1'));
  await play();
  await run(1_000);
  expect(phase()).toBe('failed');
  await run(100);
  expect(heard()).toEqual([]);
  const { length } = nodes.asked;
  await play();
  await run(1_000);
  expect([phase(), nodes.asked.length]).toEqual(['failed', length]);
});

it('asks for a press if the browser requires one', async () => {
  [isAllowed, context.state] = [false, 'suspended'];
  await play();
  await run(1_000);
  expect(phase()).toBe('refused');
  expect(player.isWanted).toBe(false);
});

it('plays when the browser allows sound later, unless it was paused', async () => {
  [isAllowed, context.state] = [false, 'suspended'];
  await play();
  player.pause();
  [isAllowed, context.state] = [true, 'running'];
  await run(1_000);
  expect(phase()).toBe('paused');
  [isAllowed, context.state] = [false, 'suspended'];
  await play();
  [isAllowed, context.state] = [true, 'running'];
  await run(200);
  expect(phase()).toBe('playing');
});

it('asks for a press if the sound is stopped from outside, and continues from there', async () => {
  await play();
  await run(2_000);
  const at = player.positionMs;
  context.state = 'suspended';
  look();
  expect([phase(), player.isWanted, player.positionMs]).toEqual(['refused', false, at]);
  await play();
  await run(200);
  expect(Math.abs(expectInStep() - at)).toBeLessThan(300);
});

it('ends with the song, and then starts again from the beginning', async () => {
  player.seek(29_000);
  await play();
  await run(FAKE_RATE * 2);
  expect([phase(), player.positionMs]).toEqual(['ended', END_MS]);
  await play();
  await run(200);
  expect(expectInStep()).toBeLessThan(300);
});
