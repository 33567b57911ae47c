// Watching over a WebSocket: where it connects, what it reports, and that no message of a node can break the page.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import fixtures from '../../../crates/protocol/fixtures/binary-messages.json';
import { CallError } from '../protocol/error';
import type { StreamingData } from '../protocol/event';
import { ServerClock } from './clock';
import { FakeSocket, FakeSockets } from './fake-socket';
import { WsViewer, watchAddress } from './ws';

const STREAM = '8811d3bae631e8b5e26212edaf3e41eb';
const PAGE = 'https://main.example:5000/view/0123';
const WATCHING = { mime: null, take: 0, origin_time_ms: null, window_ms: 30_000 };
const REQUEST = { stream_id: STREAM };

let sockets: FakeSockets;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('location', { href: PAGE });
  sockets = new FakeSockets();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A viewer that has joined, and what it reports. */
async function joined() {
  const viewer = new WsViewer('/cdn/a', sockets.open);
  const links: string[] = [];
  viewer.onLink((link) => links.push(link));
  const watching = viewer.watch(REQUEST, 2_500);
  const socket = sockets.newest;
  socket.event('watching', WATCHING);
  await watching;
  return { viewer, socket, links };
}

async function outcome(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'done',
    (error: unknown) => (error instanceof CallError ? error.code : error),
  );
}

function message(about: string): ArrayBuffer {
  const hex = fixtures.find((fixture) => fixture.about === about)?.hex ?? '';
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16)).buffer;
}

describe('watchAddress', () => {
  it('is the node’s own, with a WebSocket scheme', () => {
    expect(watchAddress('/cdn/a', PAGE, REQUEST)).toBe(`wss://main.example:5000/cdn/a/ws/${STREAM}`);
    expect(watchAddress('http://node-b:5002/', PAGE, REQUEST)).toBe(`ws://node-b:5002/ws/${STREAM}`);
  });

  it('carries the grant, the last chunk and the formats', () => {
    const after = { take: 1, group: 7, index: 2 };
    expect(watchAddress('/cdn/a', PAGE, { ...REQUEST, grant: 'a+b.c', after, format: 'mp4,webm' })).toBe(
      `wss://main.example:5000/cdn/a/ws/${STREAM}?grant=a%2Bb.c&after=1.7.2&format=mp4%2Cwebm`,
    );
  });
});

describe('WsViewer', () => {
  it('has joined once the node confirms', async () => {
    const { viewer, socket, links } = await joined();
    expect(viewer.link).toBe('up');
    expect(links).toEqual(['up']);
    expect(socket.binaryType).toBe('arraybuffer');
  });

  it('reports media and states as they arrive, for its stream', async () => {
    const { viewer, socket } = await joined();
    const heard: unknown[] = [];
    viewer.on('streaming_data', ({ kind, take, stream_id }: StreamingData) => heard.push([kind, take, stream_id]));
    viewer.on('stream_state', (state) => heard.push(state));
    socket.message(message('an init segment whose origin time is known'));
    socket.message(message('a chunk that begins with a keyframe'));
    socket.event('stream_state', { state: 'ended', viewers: 0 });
    socket.event('something_new', {});
    expect(heard).toEqual([
      ['init', 1, STREAM],
      ['media', 1, STREAM],
      { stream_id: STREAM, state: 'ended', viewers: 0 },
    ]);
  });

  it('fails with the node’s code when the node refuses', async () => {
    for (const code of ['no_capacity', 'limit_reached', 'unknown_stream', 'invalid_grant']) {
      const viewer = new WsViewer('/cdn/a', sockets.open);
      const watching = viewer.watch(REQUEST, 2_500);
      sockets.newest.event('error', { code, message: 'not here' });
      expect(await outcome(watching)).toBe(code);
      expect(sockets.newest.closed).toBe(true);
    }
  });

  it('reports a dropped stream, which has not ended, before the link is down', async () => {
    const { viewer, socket, links } = await joined();
    const told: unknown[] = [];
    viewer.on('stream_state', (state) => told.push(state));
    viewer.on('stream_dropped', (dropped) => told.push([dropped, viewer.link]));
    socket.event('error', { code: 'stream_dropped', message: 'go on at another node' });
    expect(told).toEqual([[{ stream_id: STREAM }, 'up']]);
    expect(links).toEqual(['up', 'down']);
  });

  it('gives a connected node time to fetch the stream', async () => {
    const viewer = new WsViewer('/cdn/a', sockets.open);
    const fetched = outcome(viewer.watch(REQUEST, 800));
    sockets.newest.opens();
    await vi.advanceTimersByTimeAsync(5_000);
    sockets.newest.event('watching', WATCHING);
    expect(await fetched).toBe('done');
    const never = outcome(viewer.watch(REQUEST, 800));
    sockets.newest.opens();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await never).toBe('timeout');
  });

  it('gives up on a node that is silent, refuses connections, or disconnects before its first message', async () => {
    const viewer = new WsViewer('/cdn/a', sockets.open);
    const silent = outcome(viewer.watch(REQUEST, 2_500));
    await vi.advanceTimersByTimeAsync(2_500);
    expect(await silent).toBe('timeout');
    const refused = outcome(viewer.watch(REQUEST, 2_500));
    sockets.newest.break();
    expect(await refused).toBe('unreachable');
    expect(sockets.opened).toHaveLength(2);
  });

  it('rejects instead of throwing if the browser allows no such connection', async () => {
    const viewer = new WsViewer('/cdn/a', () => {
      throw new DOMException('mixed content', 'SecurityError');
    });
    expect(await outcome(viewer.watch(REQUEST, 2_500))).toBe('unreachable');
  });

  it('reconnects to a node that worked, but not to one that shuts down', async () => {
    const { viewer, socket, links } = await joined();
    socket.break();
    expect([viewer.link, ...links]).toEqual(['down', 'up', 'down']);
    const back = viewer.watch({ ...REQUEST, after: { take: 0, group: 1, index: 2 } }, 800);
    expect(sockets.newest.url).toMatch(/after=0\.1\.2$/);
    sockets.newest.event('watching', WATCHING);
    expect(await outcome(back)).toBe('done');
    sockets.newest.break(1001);
    expect(await outcome(viewer.watch(REQUEST, 800))).toBe('unreachable');
    expect(sockets.opened).toHaveLength(2);
  });

  it('disconnects at an unreadable message, and can join again', async () => {
    for (const garbage of [new ArrayBuffer(3), new Uint8Array(60).fill(9).buffer, '{', '["stream_state",7]']) {
      const { viewer, socket, links } = await joined();
      socket.message(garbage);
      expect(links).toEqual(['up', 'down']);
      expect(socket.closed).toBe(true);
      const again = viewer.watch(REQUEST, 800);
      sockets.newest.event('watching', WATCHING);
      expect(await outcome(again)).toBe('done');
    }
  });

  it('ignores what an older connection still sends', async () => {
    const { viewer, socket } = await joined();
    let heard = 0;
    viewer.on('streaming_data', () => heard++);
    await viewer.leave();
    socket.message(message('a chunk that begins with a keyframe'));
    expect(heard).toBe(0);
  });

  it('answers clock requests', async () => {
    const { viewer, socket } = await joined();
    const clock = new ServerClock(() => 1_000);
    socket.onSend = (text) => {
      const [event, { t0_ms }] = JSON.parse(text) as [string, { t0_ms: number }];
      if (event === 'clock') socket.event('clock', { t0_ms, t1_ms: t0_ms + 500, t2_ms: t0_ms + 500 });
    };
    await clock.sync((t0_ms) => viewer.clock({ t0_ms }), 2);
    expect(clock.offsetMs).toBe(500);
  });

  it('fails clock requests on timeout, and at once when the link is lost', async () => {
    const { viewer, socket } = await joined();
    const unanswered = outcome(viewer.clock({ t0_ms: 1 }, 1_500));
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await unanswered).toBe('timeout');
    const cut = outcome(viewer.clock({ t0_ms: 2 }));
    socket.break();
    expect(await cut).toBe('unreachable');
    expect(await outcome(viewer.clock({ t0_ms: 3 }))).toBe('unreachable');
  });

  it('closes permanently, even while joining', async () => {
    const { viewer, links } = await joined();
    const joining = outcome(viewer.watch(REQUEST, 2_500));
    viewer.close();
    expect(await joining).toBe('unreachable');
    expect(await outcome(viewer.watch(REQUEST, 2_500))).toBe('unreachable');
    expect(sockets.opened.every((socket: FakeSocket) => socket.closed)).toBe(true);
    expect(links).toEqual(['up']);
  });
});
