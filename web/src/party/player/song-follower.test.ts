// A song follows the timeline to a few milliseconds: from its start, through seeks and pauses, and while the sound
// card's clock differs from the server's.

import { beforeEach, describe, expect, it } from 'vitest';
import { FakeContext, fakeTake } from '../../audio/fake-audio';
import { SongEngine } from '../../audio/song-engine';
import { SoundSource } from '../../audio/sound-source';
import { FakeNodes, FakeStore, fakeAccess, manifestOf, settle } from '../../library/fake-library';
import { Fetcher } from '../../library/fetcher';
import { planOf } from '../../library/plan';
import type { PartyTimeline } from '../../protocol/party';
import { fakeEntry } from '../fake-party';
import { FakeTimers } from '../fake-timers';
import { SongFollower } from './song-follower';
import { PartySound } from './sound';

const LATENCY_S = 0.05;
/** How far the server's clock is ahead of the page's. */
const AHEAD_MS = 3 * 3_600_000;

let context: FakeContext;
/** Speed error of the sound card's clock. */
let skew: number;
let trimMs: number;
let nowMs: number;

beforeEach(() => {
  context = new FakeContext();
  context.outputLatency = LATENCY_S;
  skew = 0;
  trimMs = 0;
  nowMs = 1_000;
});

const clock = {
  serverMs: (localMs: number = nowMs): number => localMs + AHEAD_MS,
  localMs: (serverMs: number): number => serverMs - AHEAD_MS,
};

/** A timeline of the song that begins in `inMs`. */
const timelineIn = (inMs: number, more: Partial<PartyTimeline> = {}): PartyTimeline => ({
  entry: fakeEntry('e1'),
  position_ms: 0,
  at_ms: clock.serverMs() + inMs,
  paused: false,
  round: 1,
  ...more,
});

async function open(timeline: PartyTimeline, stagger = 0) {
  const store = new FakeStore();
  const nodes = new FakeNodes(store);
  const access = await fakeAccess();
  const sourceOf = (): SoundSource => {
    const source = new SoundSource({
      fetcher: new Fetcher(access, { fetch: nodes.fetch }),
      decoder: context.decoder,
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    });
    source.learn(planOf(manifestOf([fakeTake(store, 30)]), () => true));
    return source;
  };
  const source = sourceOf();
  const engine = new SongEngine(context, [source], context.destination as unknown as AudioNode);
  const sound = new PartySound({
    timers: new FakeTimers(),
    now: () => nowMs,
    timeOriginMs: 0,
    create: () => context as unknown as AudioContext,
    lateMs: 0,
  });
  sound.use();
  const follower = new SongFollower(
    { engine, sound, clock, trimMs: () => trimMs, stagger, durationMs: () => source.plan.durationMs },
    timeline,
  );
  /** Lets time pass. Returns the largest lateness against `wanted`, if the song was audible all the time. */
  const run = async (ms: number, wanted?: PartyTimeline): Promise<number | undefined> => {
    let worst = 0;
    let isHeard = true;
    for (const untilMs = nowMs + ms; nowMs < untilMs;) {
      nowMs += 30;
      context.nowMs = nowMs;
      context.currentTime = (nowMs / 1000) * (1 + skew) + 5;
      sound.read();
      follower.step(clock.serverMs(), nowMs);
      await settle();
      if (wanted === undefined) continue;
      // Measured inside a sample, because one may end at its boundary.
      const sounds = context.soundsAt(context.currentTime - LATENCY_S + 0.0005);
      const loudest = sounds.reduce((most, one) => (one.loudness > most.loudness ? one : most), {
        positionS: NaN,
        loudness: 0,
      });
      isHeard &&= loudest.loudness > 0;
      const wantedMs = wanted.position_ms + clock.serverMs() - wanted.at_ms + trimMs;
      worst = Math.max(worst, Math.abs(loudest.positionS * 1000 - wantedMs));
    }
    return isHeard ? worst : undefined;
  };
  return { engine, follower, nodes, run, sourceOf };
}

/** Whether the sound card is silent now. */
const isSilent = (): boolean => context.soundsAt(context.currentTime - LATENCY_S).length === 0;

describe('a song', () => {
  it('is audible from its announced time on', async () => {
    const timeline = timelineIn(2_000);
    const { run } = await open(timeline);
    await run(1_980);
    expect(isSilent()).toBe(true);
    await run(60);
    expect(await run(30_000, timeline)).toBeLessThan(3);
  });

  it.each([
    { stagger: 0, decodedMs: 310 },
    { stagger: 0.5, decodedMs: 810 },
    { stagger: 1, decodedMs: 1_310 },
  ])('is fetched at once and decoded after $decodedMs ms, on time', async ({ stagger, decodedMs }) => {
    const timeline = timelineIn(3_000);
    const { nodes, run } = await open(timeline, stagger);
    const beganMs = nowMs;
    let fetchedMs: number | undefined;
    while (context.decoder.decodings === 0) {
      await run(30);
      if (nodes.asked.length > 0) fetchedMs ??= nowMs - beganMs;
    }
    expect(fetchedMs).toBeLessThan(400);
    expect(Math.abs(nowMs - beganMs - decodedMs)).toBeLessThan(70);
    await run(beganMs + 3_060 - nowMs);
    expect(await run(5_000, timeline)).toBeLessThan(3);
  });

  it('that is announced late is decoded at once', async () => {
    const timeline = timelineIn(900);
    const { run } = await open(timeline, 1);
    await run(960);
    expect(await run(5_000, timeline)).toBeLessThan(3);
  });

  it('that is already playing is joined at its position', async () => {
    const timeline = timelineIn(-67_000);
    const { run } = await open(timeline);
    await run(1_500);
    expect(await run(20_000, timeline)).toBeLessThan(3);
  });

  it.each([300e-6, -300e-6])('stays in sync although the sound card is off by %s', async (off) => {
    skew = off;
    const timeline = timelineIn(-1_000);
    const { run } = await open(timeline);
    await run(1_500);
    expect(await run(120_000, timeline)).toBeLessThan(9);
  });

  it('follows the manual trim', async () => {
    const timeline = timelineIn(-1_000);
    const { run } = await open(timeline);
    await run(2_000);
    trimMs = 200;
    await run(1_000);
    expect(await run(3_000, timeline)).toBeLessThan(5);
  });

  it('is in sync again soon after an interruption', async () => {
    const timeline = timelineIn(-1_000);
    const { run } = await open(timeline);
    await run(3_000);
    // The context was stopped meanwhile.
    nowMs += 400;
    await run(2_500);
    expect(await run(5_000, timeline)).toBeLessThan(5);
  });

  it('reports its lateness', async () => {
    const { follower, run } = await open(timelineIn(-1_000));
    await run(2_000);
    expect(Math.abs(follower.lateMs ?? NaN)).toBeLessThan(5);
    expect(follower.isPlaying).toBe(true);
  });

  it('includes from its start sources added after it was scheduled', async () => {
    const { engine, follower, run, sourceOf } = await open(timelineIn(2_000));
    await run(500);
    const added = sourceOf();
    await added.load(0, true);
    engine.add(added);
    expect(follower.renew()).toBeDefined();
    await run(1_700);
    expect(context.soundsAt(context.currentTime - LATENCY_S)).toHaveLength(2);
  });

  it('waits for media, and is then in sync', async () => {
    const timeline = timelineIn(-500);
    const { follower, nodes, run } = await open(timeline);
    for (const node of ['a', 'b', 'c']) nodes.dead.add(node);
    await run(2_000);
    expect(follower.isBuffering(clock.serverMs(), nowMs)).toBe(true);
    nodes.dead.clear();
    await run(500);
    expect(follower.isBuffering(clock.serverMs(), nowMs)).toBe(false);
    expect(await run(3_000, timeline)).toBeLessThan(5);
  });
});

describe('an announcement', () => {
  it('of a seek takes effect at its time, without silence', async () => {
    const before = timelineIn(-1_000);
    const { follower, run } = await open(before);
    await run(2_000);
    const next = timelineIn(400, { position_ms: 100_000 });
    follower.announce(next);
    expect(await run(380, before)).toBeLessThan(3);
    await run(30);
    follower.follow(next);
    expect(await run(5_000, next)).toBeLessThan(3);
  });

  it('of a pause and its end take effect at their times', async () => {
    const before = timelineIn(-1_000);
    const { follower, run } = await open(before);
    await run(2_000);
    const pause = timelineIn(400, { position_ms: 3_400, paused: true });
    follower.announce(pause);
    expect(await run(380, before)).toBeLessThan(3);
    await run(60);
    follower.follow(pause);
    expect([isSilent(), follower.isPlaying]).toEqual([true, false]);
    const play = timelineIn(400, { position_ms: 3_400 });
    follower.announce(play);
    await run(370);
    expect(isSilent()).toBe(true);
    await run(60);
    follower.follow(play);
    expect(await run(2_000, play)).toBeLessThan(3);
  });

  it('of another song ends this one at its time', async () => {
    const before = timelineIn(-1_000);
    const { follower, run } = await open(before);
    await run(2_000);
    follower.announce({ ...timelineIn(500), entry: fakeEntry('e2'), round: 2 });
    expect(await run(480, before)).toBeLessThan(3);
    await run(60);
    expect(isSilent()).toBe(true);
  });

  it('that is cancelled has no effect', async () => {
    const before = timelineIn(-1_000);
    const { follower, run } = await open(before);
    await run(2_000);
    follower.announce(timelineIn(1_000, { position_ms: 100_000 }));
    await run(500);
    follower.announce(undefined);
    expect(await run(3_000, before)).toBeLessThan(5);
  });
});
