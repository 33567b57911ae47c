// A song is heard where the timeline is, to a few milliseconds: from its start, through seeks and pauses, and while the sound card's clock
// differs from the server's.

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
/** The server's clock is ahead of the page's. */
const AHEAD_MS = 3 * 3_600_000;

let context: FakeContext;
/** How much faster the sound card's clock is. */
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

/** A timeline of the song that begins in so many milliseconds. */
const timelineIn = (inMs: number, more: Partial<PartyTimeline> = {}): PartyTimeline => ({
  entry: fakeEntry('e1'),
  position_ms: 0,
  at_ms: clock.serverMs() + inMs,
  paused: false,
  round: 1,
  ...more,
});

async function open(timeline: PartyTimeline) {
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
    { engine, sound, clock, trimMs: () => trimMs, durationMs: () => source.plan.durationMs },
    timeline,
  );
  /** Runs for a while; gives how much later than `wanted` says it was heard at worst, if it was heard all the time. */
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
      // Within a sample, not where one ends.
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

/** Silence, where the sound card is now. */
const isSilent = (): boolean => context.soundsAt(context.currentTime - LATENCY_S).length === 0;

describe('a song', () => {
  it('is heard from its announced moment on', async () => {
    const timeline = timelineIn(2_000);
    const { run } = await open(timeline);
    await run(1_980);
    expect(isSilent()).toBe(true);
    await run(60);
    expect(await run(30_000, timeline)).toBeLessThan(3);
  });

  it('that plays already is joined where it is', async () => {
    const timeline = timelineIn(-67_000);
    const { run } = await open(timeline);
    await run(1_500);
    expect(await run(20_000, timeline)).toBeLessThan(3);
  });

  it.each([300e-6, -300e-6])('stays where the party is although the sound card is off by %s', async (off) => {
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

  it('is on time again soon after sound broke off', async () => {
    const timeline = timelineIn(-1_000);
    const { run } = await open(timeline);
    await run(3_000);
    // The context stood meanwhile.
    nowMs += 400;
    await run(2_500);
    expect(await run(5_000, timeline)).toBeLessThan(5);
  });

  it('tells how late it is heard', async () => {
    const { follower, run } = await open(timelineIn(-1_000));
    await run(2_000);
    expect(Math.abs(follower.lateMs ?? NaN)).toBeLessThan(5);
    expect(follower.isPlaying).toBe(true);
  });

  it('has from its beginning what was added after it was scheduled', async () => {
    const { engine, follower, run, sourceOf } = await open(timelineIn(2_000));
    await run(500);
    const added = sourceOf();
    await added.load(0, true);
    engine.add(added);
    expect(follower.renew()).toBeDefined();
    await run(1_700);
    expect(context.soundsAt(context.currentTime - LATENCY_S)).toHaveLength(2);
  });

  it('waits for media, and is then where the party is', async () => {
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

describe('what is announced', () => {
  it('a seek happens at its moment, without silence', async () => {
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

  it('a pause and its end happen at their moments', async () => {
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

  it('another song ends this one at its moment', async () => {
    const before = timelineIn(-1_000);
    const { follower, run } = await open(before);
    await run(2_000);
    follower.announce({ ...timelineIn(500), entry: fakeEntry('e2'), round: 2 });
    expect(await run(480, before)).toBeLessThan(3);
    await run(60);
    expect(isSilent()).toBe(true);
  });

  it('and taken back: what plays goes on', async () => {
    const before = timelineIn(-1_000);
    const { follower, run } = await open(before);
    await run(2_000);
    follower.announce(timelineIn(1_000, { position_ms: 100_000 }));
    await run(500);
    follower.announce(undefined);
    expect(await run(3_000, before)).toBeLessThan(5);
  });
});
