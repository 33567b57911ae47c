// Playback of bare frames, without a browser: near the live edge, through changes of takes, pauses and failures.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { StreamingData } from '../../../protocol/event';
import { ServerClock } from '../../../transport/clock';
import { FakeDecoders, writeChunk, writeInit, type Written } from './fake-codecs';
import type { SoundBlock } from './sound-message';
import { WebCodecsPlayback } from './webcodecs-playback';

const STREAM = '8811d3bae631e8b5e26212edaf3e41eb';
const MIME = 'application/x-undead-frames;codecs="vp8,opus"';

class World {
  readonly decoders = new FakeDecoders();
  readonly told: string[] = [];
  /** Timestamps of the pictures drawn. */
  readonly drawn: number[] = [];
  readonly blocks: SoundBlock[] = [];
  /** The newest position and rate of the sound. */
  sound = { positionMs: 0, rate: 0 };
  volume: number | undefined;
  /** Whether the browser allows sound. */
  lets = true;
  /** Whether the browser can decode the tracks. */
  supported = true;
  #refresh: (atMs: number) => void = () => undefined;
  readonly playback: WebCodecsPlayback;

  constructor() {
    const tell = (what: string) => () => void this.told.push(what);
    this.playback = new WebCodecsPlayback(
      {
        screen: {
          width: 640,
          height: 360,
          draw: ({ timestamp }) => void this.drawn.push(timestamp / 1000),
          onRefresh: (refresh) => {
            this.#refresh = refresh;
            return () => (this.#refresh = () => undefined);
          },
        },
        decoders: {
          pictures: this.decoders.pictures,
          sound: this.decoders.sound,
        },
        support: () => Promise.resolve(this.supported),
        createSink: () => ({
          play: (block) => this.blocks.push(block),
          clear: () => undefined,
          follow: (positionMs, rate) => (this.sound = { positionMs, rate }),
          setVolume: (volume) => (this.volume = volume),
          resume: () => Promise.resolve(this.lets),
          close: tell('sound closed'),
        }),
      },
      new ServerClock(),
      {
        started: tell('started'),
        waiting: (waits) => void this.told.push(waits ? 'waits' : 'goes on'),
        restarted: tell('restarted'),
        cannotPlay: tell('cannot play'),
        doubtsClock: tell('doubts'),
        played: tell('played'),
        paused: tell('paused'),
        soundChanged: () => undefined,
      },
    );
  }

  /** Lets time pass, with 50 refreshes a second. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 20) {
      vi.advanceTimersByTime(20);
      this.#refresh(Date.now());
    }
  }

  /** A tenth of a second of pictures and sound from `fromMs`; each second begins with a keyframe. */
  chunk(fromMs: number, take = 0): void {
    const frames: Written[] = [];
    for (let ptsMs = fromMs; ptsMs < fromMs + 100; ptsMs += 20) {
      frames.push({ track: 0, ptsMs, key: ptsMs % 1_000 === 0 }, { track: 1, ptsMs, key: true });
    }
    const name = { take, group: Math.floor(fromMs / 1_000), index: (fromMs % 1_000) / 10 };
    const times = { key: fromMs % 1_000 === 0, pts_ms: fromMs, duration_ms: 100 };
    this.push({ ...name, ...times, stream_id: STREAM, kind: 'media', data: writeChunk(frames) });
  }

  init(take = 0, data = writeInit()): void {
    this.push({ stream_id: STREAM, kind: 'init', take, mime: MIME, origin_time_ms: null, data });
  }

  push(data: StreamingData): void {
    this.playback.push(data);
  }

  /** Chunks arrive as they are captured, for `ms`. */
  live(fromMs: number, ms: number, take = 0): void {
    for (let atMs = fromMs; atMs < fromMs + ms; atMs += 100) {
      this.pass(100);
      this.chunk(atMs, take);
    }
  }
}

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now() - performance.timeOrigin);
  world = new World();
});
afterEach(() => {
  world.playback.close();
  expect(world.decoders.open).toBeLessThanOrEqual(world.drawn.length);
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A playback that joined with a backlog of one second. */
async function joined(): Promise<void> {
  world.init();
  void world.playback.play();
  for (let atMs = 0; atMs < 1_000; atMs += 100) world.chunk(atMs);
  await Promise.resolve();
}

it('begins near the live edge, not at the start of the group, and stays there', async () => {
  await joined();
  world.live(1_000, 5_000);
  expect(world.told).toEqual(['played', 'started']);
  expect(world.drawn[0]).toBeGreaterThan(700);
  expect(world.drawn.length).toBeGreaterThan(200);
  const { bufferMs, stalls, jumps, framesPerSecond } = world.playback.stats;
  expect(bufferMs).toBeGreaterThan(100);
  expect(bufferMs).toBeLessThan(350);
  expect({ stalls, jumps }).toEqual({ stalls: 0, jumps: 1 });
  expect(framesPerSecond).toBeGreaterThan(45);
});

it('shows every picture once, in order', async () => {
  await joined();
  world.live(1_000, 3_000);
  expect(world.drawn).toEqual([...new Set(world.drawn)].sort((a, b) => a - b));
});

it('plays sound in step with its pictures', async () => {
  await joined();
  world.live(1_000, 2_000);
  expect(Math.abs((world.drawn.at(-1) ?? 0) - world.sound.positionMs)).toBeLessThan(60);
  expect(world.blocks.at(-1)?.startS).toBeGreaterThan(2.5);
});

it('waits when nothing arrives, counts a stall, and continues when media is back', async () => {
  await joined();
  world.live(1_000, 2_000);
  world.pass(1_000);
  expect(world.playback.stats.rate).toBe(0);
  expect(world.sound.rate).toBe(0);
  expect(world.playback.stats.stalls).toBe(1);
  expect(world.told.at(-1)).toBe('waits');
  world.live(3_000, 1_000);
  expect(world.told.at(-1)).toBe('goes on');
  expect(world.drawn.at(-1)).toBeGreaterThan(3_500);
});

it('plays the next take where the last one ended', async () => {
  await joined();
  world.live(1_000, 1_000);
  world.init(1);
  world.live(0, 1_000, 1);
  expect(world.playback.stats).toMatchObject({ take: 1, stalls: 0 });
  // Take 0 ended at 2,000, so take 1 begins there.
  expect(world.drawn.at(-1)).toBeGreaterThan(2_500);
  const steps = world.drawn.map((at, i) => at - (world.drawn[i - 1] ?? at));
  expect(Math.max(...steps.slice(5))).toBeLessThanOrEqual(60);
  expect(world.told).toEqual(['played', 'started']);
});

it('stands still while paused, keeps little, and continues at the live edge', async () => {
  await joined();
  world.live(1_000, 1_000);
  world.playback.pause();
  const [shown, count] = [world.drawn.at(-1), world.drawn.length];
  world.live(2_000, 6_000);
  expect(world.drawn).toHaveLength(count);
  expect(world.sound.rate).toBe(0);
  void world.playback.play();
  world.live(8_000, 500);
  expect(world.told).toEqual(['played', 'started', 'paused', 'played']);
  expect(world.drawn[count]).toBeGreaterThan((shown ?? 0) + 5_500);
});

it('restarts at the live edge after a fresh start, and keeps the last picture until then', async () => {
  await joined();
  world.live(1_000, 1_000);
  world.playback.startAfresh();
  const count = world.drawn.length;
  world.pass(500);
  expect(world.drawn).toHaveLength(count);
  for (let atMs = 60_000; atMs < 60_500; atMs += 100) world.chunk(atMs);
  world.live(60_500, 500);
  expect(world.drawn[count]).toBeGreaterThan(60_000);
});

it('asks for a gesture if the browser allows no sound, but shows pictures', async () => {
  world.lets = false;
  world.init();
  await expect(world.playback.play()).rejects.toMatchObject({ name: 'NotAllowedError' });
  world.playback.muted = true;
  await world.playback.play();
  expect(world.volume).toBe(0);
  for (let atMs = 0; atMs < 1_000; atMs += 100) world.chunk(atMs);
  world.live(1_000, 1_000);
  expect(world.drawn.length).toBeGreaterThan(20);
});

it('plays sound alone', () => {
  world.init(0, writeInit(['audio']));
  void world.playback.play();
  world.live(0, 1_000);
  expect(world.told.slice(0, 2)).toEqual(['played', 'started']);
  expect(world.blocks.length).toBeGreaterThan(30);
});

it('restarts when a chunk or the init data cannot be read', async () => {
  await joined();
  world.live(1_000, 1_000);
  world.push({
    ...{ stream_id: STREAM, kind: 'media', take: 0, group: 9, index: 0 },
    ...{ key: true, pts_ms: 9_000, duration_ms: 100, data: new ArrayBuffer(5) },
  });
  expect(world.told.at(-1)).toBe('restarted');
  world.init(0, new ArrayBuffer(3));
  expect(world.told.filter((what) => what === 'restarted')).toHaveLength(2);
  world.init();
  world.live(0, 1_000);
  expect(world.drawn.at(-1)).toBeLessThan(1_000);
});

it('restarts when decoders keep failing', async () => {
  await joined();
  world.live(1_000, 1_000);
  world.decoders.broken = true;
  world.live(2_000, 3_000);
  expect(world.told).toContain('restarted');
});

it('reports tracks that the browser cannot decode', async () => {
  world.supported = false;
  world.init();
  await vi.advanceTimersByTimeAsync(1);
  expect(world.told).toEqual(['cannot play']);
});
