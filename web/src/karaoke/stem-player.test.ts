// Both stems of a song are heard at the same sample, from fragment to fragment, after seeks, and after media that came late.

import { beforeEach, expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import { FakeOutput, FakeSource, RATE } from './fake-output';
import { StemPlayer, type StemState } from './stem-player';

let output: FakeOutput;
let stems: [FakeSource, FakeSource];
let player: StemPlayer;
let look: () => void;
let states: StemState['phase'][];

async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve();
}

/** Lets so many samples be heard, and the player look in between. */
async function run(samples: number): Promise<void> {
  for (let done = 0; done < samples; done += 100) {
    output.now += Math.min(100, samples - done);
    look();
    await settle();
  }
}

beforeEach(async () => {
  output = new FakeOutput();
  // Cut at other samples, as the encoder of each liked it.
  stems = [new FakeSource([0, 10_003, 20_001], 30_000), new FakeSource([0, 9_990, 20_001], 30_000)];
  states = [];
  player = new StemPlayer({
    sources: stems.map((stem) => stem.asSource),
    output: () => output,
    changed: ({ phase }) => states.push(phase),
    every: (_ms, call) => {
      look = call;
      return () => undefined;
    },
    wait: () => Promise.resolve(),
  });
  await player.open();
});

async function play(): Promise<void> {
  player.play();
  await settle();
}

it('plays both stems at the same sample, across their fragments', async () => {
  await play();
  await run(500);
  for (const samples of [0, 9_400, 60, 200, 9_900, 8_000]) {
    await run(samples);
    const [accompaniment, vocals] = [output.heard(0), output.heard(1)];
    expect(accompaniment).toBeTypeOf('number');
    expect(vocals).toBe(accompaniment);
    expect(player.positionMs).toBe(accompaniment);
  }
});

it('leaves no sample out between fragments, and plays none twice', async () => {
  await play();
  await run(25_000);
  for (const stem of [0, 1]) {
    const parts = output.scheduled.filter((part) => part.stem === stem);
    expect(parts).toHaveLength(3);
    parts.slice(1).forEach(({ at, media }, i) => {
      const before = parts[i];
      expect([at, media]).toEqual([
        (before?.at ?? 0) + (before?.count ?? 0),
        (before?.media ?? 0) + (before?.count ?? 0),
      ]);
    });
  }
});

it('schedules a bounded stretch ahead', async () => {
  await play();
  expect(stems[0].asked.filter((place) => place === 2)).toEqual([]);
  await run(6_000);
  expect(stems[0].asked).toContain(2);
});

it('seeks: what was scheduled is taken back, and both go on from there', async () => {
  await play();
  await run(1_000);
  player.seek(20_500);
  await settle();
  expect(output.heard(0)).toBeUndefined();
  await run(300);
  expect(output.heard(0)).toBe(output.heard(1));
  expect(output.heard(0)).toBeGreaterThanOrEqual(20_500);
  expect(player.positionMs).toBeLessThan(21_000);
});

it('pauses where it is, and goes on from there', async () => {
  await play();
  await run(2_000);
  player.pause();
  const at = player.positionMs;
  await run(5_000);
  expect([output.heard(0), player.positionMs]).toEqual([undefined, at]);
  await play();
  await run(200);
  expect(Math.abs((output.heard(1) ?? 0) - at)).toBeLessThan(300);
});

it('plays neither stem while a fragment of one is late, and then both from where they stopped', async () => {
  stems[1].isHeld = (place) => place === 1;
  await play();
  await run(9_000);
  await run(2_000);
  expect([output.heard(0), output.heard(1)]).toEqual([undefined, undefined]);
  expect(states.at(-1)).toBe('waiting');
  expect(player.positionMs).toBeCloseTo(9_990, -1);
  stems[1].isHeld = () => false;
  stems[1].held.get(1)?.();
  await settle();
  await run(200);
  expect(states.at(-1)).toBe('playing');
  expect(output.heard(0)).toBe(output.heard(1));
  expect(output.heard(0)).toBeGreaterThanOrEqual(9_990);
});

it('changes the volume of one stem while they play, and schedules nothing anew', async () => {
  await play();
  await run(500);
  const { length } = output.scheduled;
  player.setGain(1, 0.3);
  expect(output.gains[1]).toBe(0.3);
  expect(output.scheduled).toHaveLength(length);
});

it('keeps trying where a node cannot be reached', async () => {
  stems[0].failing.set(0, new CallError('unreachable', 'gone'));
  await play();
  await run(200);
  expect(states).toContain('waiting');
  expect(states.at(-1)).toBe('playing');
});

it('fails where the media cannot be decoded, and is silent', async () => {
  await play();
  await run(1_000);
  stems[1].failing.set(2, new CallError('malformed_media', 'broken'));
  player.seek(25_000);
  await settle();
  expect(player.state).toMatchObject({ phase: 'failed', error: { code: 'malformed_media' } });
  expect([output.heard(0), output.heard(1)]).toEqual([undefined, undefined]);
});

it('asks for a press where the browser wants one', async () => {
  output.isAllowed = false;
  await play();
  expect(player.state.phase).toBe('refused');
  expect(player.isWanted).toBe(false);
});

it('ends with the song, and begins again from its beginning', async () => {
  player.seek(29_000);
  await play();
  await run(RATE * 2);
  expect([player.state.phase, player.positionMs]).toEqual(['ended', 30_000]);
  await play();
  await run(200);
  expect(output.heard(0)).toBeLessThan(300);
});
