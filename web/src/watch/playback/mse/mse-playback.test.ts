// Whatever a browser throws, closes or ends, playback in a <video> restarts with a new media source, has the stream
// joined again, and continues.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { StreamingData } from '../../../protocol/event';
import { ServerClock } from '../../../transport/clock';
import type { SourceOwner } from './media-source';
import { MsePlayback } from './mse-playback';
import type { Video } from './video';

const STREAM = '8811d3bae631e8b5e26212edaf3e41eb';
const MIME = 'video/mp4;codecs="vp09.00.10.08,opus"';

/** How long a cover takes to appear on screen. */
const COVERED_AFTER_MS = 16;

class FakeVideo extends EventTarget {
  currentTime = 0;
  paused = true;
  playbackRate = 1;
  readyState = 4;
  seeking = false;
  src = '';
  disableRemotePlayback = false;
  videoWidth = 1280;
  videoHeight = 720;
  muted = false;
  volume = 1;
  error: { message: string } | null = null;
  plays = 0;
  play(): Promise<void> {
    this.plays++;
    this.paused = false;
    return Promise.resolve();
  }
  pause(): void {
    this.paused = true;
  }
  getVideoPlaybackQuality(): Pick<VideoPlaybackQuality, 'droppedVideoFrames'> {
    return { droppedVideoFrames: 0 };
  }
}

/** A SourceBuffer that accepts everything at once, until it is broken. */
class FakeSourceBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  appended = 0;
  broken: 'buffered' | 'appendBuffer' | 'remove' | undefined;
  endS = 0;
  get buffered(): TimeRanges {
    if (this.broken === 'buffered') throw new DOMException('removed', 'InvalidStateError');
    return { length: this.endS > 0 ? 1 : 0, start: () => 0, end: () => this.endS };
  }
  abort(): void {
    this.timestampOffset = 0;
  }
  changeType(): void {
    this.timestampOffset = 0;
  }
  appendBuffer(): void {
    if (this.broken === 'appendBuffer') throw new DOMException('removed', 'InvalidStateError');
    this.appended++;
    if (this.appended > 1) this.endS += 0.1;
  }
  remove(): void {
    if (this.broken === 'remove') throw new TypeError('duration is NaN');
  }
}

/** The media sources of one video, newest last. */
class FakeSources {
  readonly owners: SourceOwner[] = [];
  readonly buffers: FakeSourceBuffer[] = [];
  detached = 0;
  /** Thrown by the next `addSourceBuffer`. */
  refuses: Error | undefined;

  readonly attach = (_video: Video, owner: SourceOwner): (() => void) => {
    let attached = true;
    this.owners.push({
      opened: (source) => attached && owner.opened(source),
      lost: (reason) => attached && owner.lost(reason),
    });
    return () => {
      attached = false;
      this.detached++;
    };
  };

  open(): FakeSourceBuffer {
    const buffer = new FakeSourceBuffer();
    this.owners.at(-1)?.opened({
      addSourceBuffer: () => {
        const { refuses } = this;
        this.refuses = undefined;
        if (refuses) throw refuses;
        this.buffers.push(buffer);
        return buffer as unknown as SourceBuffer;
      },
    });
    return buffer;
  }
}

function setUp() {
  const video = new FakeVideo();
  const sources = new FakeSources();
  const told = { restarted: [] as string[], cannotPlay: [] as string[], started: 0, isCovered: false };
  const cover = {
    put: () => (told.isCovered = true),
    whenShown: (shown: () => void) => void setTimeout(shown, COVERED_AFTER_MS),
    takeAway: () => void (told.isCovered = false),
  };
  const playback = new MsePlayback(
    {
      video: video as unknown as Video,
      cover,
      attach: sources.attach,
      canPlay: (mime) => mime === MIME,
    },
    new ServerClock(),
    {
      started: () => told.started++,
      waiting: () => undefined,
      restarted: (reason) => told.restarted.push(reason),
      cannotPlay: (mime) => told.cannotPlay.push(mime),
      doubtsClock: () => undefined,
      played: () => undefined,
      paused: () => undefined,
      soundChanged: () => undefined,
    },
  );
  return { video, sources, told, playback };
}

type World = ReturnType<typeof setUp>;

function init(take = 0, mime = MIME): StreamingData {
  return { stream_id: STREAM, kind: 'init', take, mime, origin_time_ms: null, data: new ArrayBuffer(4) };
}

let index = 0;
function chunk(take = 0): StreamingData {
  const pts_ms = index * 100;
  const key = index === 0;
  return {
    stream_id: STREAM,
    kind: 'media',
    take,
    group: 0,
    index: index++,
    key,
    pts_ms,
    duration_ms: 100,
    data: new ArrayBuffer(8),
  };
}

/** A playback that has joined and plays, after a few chunks. */
async function playing(): Promise<World & { buffer: FakeSourceBuffer }> {
  const world = setUp();
  const buffer = world.sources.open();
  world.playback.push(init());
  await world.playback.play();
  for (let i = 0; i < 3; i++) {
    world.playback.push(chunk());
    buffer.dispatchEvent(new Event('updateend'));
  }
  return { ...world, buffer };
}

/** Expects that it restarted once, keeps playing, and accepts the stream from its next init segment. */
function expectGoesOn({ video, sources, told, playback }: World): void {
  expect(told.restarted).toHaveLength(1);
  expect(sources.owners).toHaveLength(2);
  expect(sources.detached).toBe(1);
  expect(video.plays).toBe(2);
  const next = sources.open();
  playback.push(init());
  playback.push(chunk());
  expect(next.appended).toBeGreaterThan(0);
  expect(told.restarted).toHaveLength(1);
  playback.close();
}

beforeEach(() => {
  vi.useFakeTimers();
  index = 0;
});
afterEach(() => vi.useRealTimers());

it('covers the video with its last picture while it restarts', async () => {
  const { told, sources, playback } = await playing();
  expect(told.isCovered).toBe(false);
  sources.owners[0]?.lost('closed');
  expect(told.isCovered).toBe(true);
  playback.close();
});

it('jumps once its last picture covers the video on screen', async () => {
  const { video, told, playback, buffer } = await playing();
  video.dispatchEvent(new Event('loadeddata'));
  vi.advanceTimersByTime(1_000);
  const from = video.currentTime;
  for (let i = 0; i < 30; i++) {
    playback.push(chunk());
    buffer.dispatchEvent(new Event('updateend'));
  }
  const { jumps } = playback.stats;
  playback.jumpToLive();
  expect([told.isCovered, video.currentTime]).toEqual([true, from]);
  playback.jumpToLive();
  vi.advanceTimersByTime(COVERED_AFTER_MS);
  expect(video.currentTime).toBeGreaterThan(from);
  expect(playback.stats.jumps).toBe(jumps + 1);
  playback.close();
});

it('restarts when `buffered` throws while it steers', async () => {
  const world = await playing();
  world.buffer.broken = 'buffered';
  vi.advanceTimersByTime(100);
  expectGoesOn(world);
});

it.each(['buffered', 'appendBuffer'] as const)('restarts when `%s` throws while it appends', async (broken) => {
  const world = await playing();
  world.buffer.broken = broken;
  world.playback.push(chunk());
  expectGoesOn(world);
});

it('restarts when `remove` throws', async () => {
  const world = await playing();
  world.buffer.broken = 'remove';
  world.buffer.endS = 60;
  world.video.currentTime = 59;
  world.playback.push(chunk());
  expectGoesOn(world);
});

it.each([
  new DOMException('too many', 'QuotaExceededError'),
  new DOMException('ended', 'InvalidStateError'),
  new DOMException('type', 'NotSupportedError'),
])('starts over when `addSourceBuffer` throws %s', async (refuses) => {
  const world = setUp();
  await world.playback.play();
  world.sources.refuses = refuses;
  world.sources.open();
  world.playback.push(init());
  expectGoesOn(world);
});

it.each(['closed', 'ended'])('restarts when the browser %s the media source', async (what) => {
  const world = await playing();
  world.sources.owners[0]?.lost(`the browser ${what} it`);
  expectGoesOn(world);
});

it('restarts when the SourceBuffer or the element reports an error', async () => {
  const first = await playing();
  first.buffer.dispatchEvent(new Event('error'));
  expectGoesOn(first);
  index = 0;
  const second = await playing();
  second.video.error = { message: 'decoder gone' };
  second.video.dispatchEvent(new Event('error'));
  expect(second.told.restarted).toEqual(['decoder gone']);
  expectGoesOn(second);
});

it('restarts once, whatever the lost media source does afterwards', async () => {
  const world = await playing();
  world.buffer.broken = 'buffered';
  world.sources.owners[0]?.lost('closed');
  world.sources.owners[0]?.lost('ended');
  world.buffer.dispatchEvent(new Event('error'));
  world.buffer.dispatchEvent(new Event('updateend'));
  vi.advanceTimersByTime(1_000);
  expectGoesOn(world);
});

it('reports a type it cannot play, and nothing once it is closed', async () => {
  const { playback, told, sources, buffer } = await playing();
  playback.push(init(1, 'video/webm;codecs="vp8"'));
  expect(told.cannotPlay).toEqual(['video/webm;codecs="vp8"']);
  playback.close();
  sources.owners[0]?.lost('closed');
  buffer.dispatchEvent(new Event('error'));
  expect(told.restarted).toEqual([]);
});
