// Takes of one stream, made by a fake encoder: when one begins, restarts, and is abandoned.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BroadcastData, NodeCalls, RegisterNewStream } from '../protocol/event';
import type { NodeConnection } from '../transport/connection';
import { Broadcast, QUALITIES, type Source } from './broadcast';
import type { Encoder, EncoderListener, EncoderProgress, EncoderSettings } from './encoder';

const MIME = 'video/webm;codecs=vp9,opus';

class FakeEncoder implements Encoder {
  made: EncoderProgress = { offered: undefined, encoded: undefined, size: undefined };
  stopped = false;
  constructor(
    readonly settings: EncoderSettings,
    readonly hears: EncoderListener,
  ) {}
  progress(): EncoderProgress {
    return this.made;
  }
  stop(): Promise<void> {
    this.stopped = true;
    return Promise.resolve();
  }
  give(capturedAtMs: number): void {
    this.hears.segment(new ArrayBuffer(3), MIME, capturedAtMs);
  }
}

/** A node that accepts everything. */
class FakeNode {
  registered: RegisterNewStream[] = [];
  received: BroadcastData[] = [];
  readonly connect = (): NodeConnection => ({
    transport: 'socketio',
    link: 'up',
    call: <E extends keyof NodeCalls>(event: E, payload: NodeCalls[E][0]) =>
      Promise.resolve(this.#answer(event, payload) as NodeCalls[E][1]),
    on: () => () => undefined,
    onLink: () => () => undefined,
    close: () => undefined,
  });

  #answer(event: keyof NodeCalls, payload: unknown): object {
    if (event === 'register_new_stream') {
      this.registered.push(payload as RegisterNewStream);
      return { next_segment: 0, viewers: 0 };
    }
    if (event !== 'broadcast_data') return { t0_ms: 0, t1_ms: 0, t2_ms: 0 };
    const data = payload as BroadcastData;
    this.received.push(data);
    return { have: { take: data.take, seq: data.seq } };
  }
}

let node: FakeNode;
let encoders: FakeEncoder[];
let refuses: DOMException | undefined;
let broadcast: Broadcast;

beforeEach(() => {
  vi.useFakeTimers();
  [node, encoders, refuses] = [new FakeNode(), [], undefined];
  const stream = { stream_id: 'a'.repeat(32), title: '', watch_url: '', next_take: 4 };
  const publish = { grant: 'grant', nodes: [{ public_url: '/a' }] };
  broadcast = new Broadcast({
    own: { ...stream, publish },
    server: { publish: () => Promise.resolve(publish), endStream: () => Promise.resolve() },
    connect: node.connect,
    probe: { canRecord: () => true, canPlay: () => true },
    encode: (_stream, settings, listener) => {
      if (refuses) throw refuses;
      const encoder = new FakeEncoder(settings, listener);
      encoders.push(encoder);
      return encoder;
    },
    quality: QUALITIES[1],
    onState: () => undefined,
    onTake: () => undefined,
    onAssignment: () => undefined,
  });
});

afterEach(() => {
  broadcast.close();
  vi.useRealTimers();
});

const SOURCE: Source = { stream: {} as MediaStream, hasAudio: true, live: true, limit: () => undefined };

function newest(): FakeEncoder {
  const encoder = encoders.at(-1);
  if (encoder === undefined) throw new Error('nothing is encoded');
  return encoder;
}

it('sends the encoder’s segments with its own type and capture times', async () => {
  broadcast.setSource(SOURCE);
  expect(newest().settings).toMatchObject({ type: MIME, limit: QUALITIES[1].size });
  for (const atMs of [100, 200]) newest().give(atMs);
  await vi.advanceTimersByTimeAsync(500);
  expect(node.registered).toMatchObject([{ take: 4, mime: MIME }]);
  expect(node.received).toMatchObject([
    { take: 4, seq: 0 },
    { take: 4, seq: 1 },
  ]);
  expect(broadcast.state).toMatchObject({ phase: 'live', recording: true });
});

it('begins a new take when the source or quality changes, and ignores the old encoder', async () => {
  broadcast.setSource(SOURCE);
  const [old] = encoders;
  broadcast.setQuality(QUALITIES[0]);
  old?.give(100);
  newest().give(200);
  await vi.advanceTimersByTimeAsync(500);
  expect(old?.stopped).toBe(true);
  expect(node.received).toMatchObject([{ take: 5, seq: 0 }]);
});

it('makes the picture smaller when the encoder does not keep up', async () => {
  const size = { width: 1920, height: 1080 };
  broadcast.setSource(SOURCE);
  const first = newest();
  for (let second = 0; second < 12 && encoders.length === 1; second++) {
    first.made = { offered: second * 30, encoded: second * 6, size: { source: size, sent: size } };
    first.give(second * 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(encoders).toHaveLength(2);
  expect(newest().settings.limit.width).toBeLessThan(1_920);
});

it('restarts when an encoder fails, and gives up after repeated failures', () => {
  broadcast.setSource(SOURCE);
  for (let i = 0; i < 2; i++) newest().hears.failed(new Error('broken'));
  expect(encoders).toHaveLength(3);
  expect(broadcast.state.recording).toBe(true);
  newest().hears.failed(new Error('broken'));
  expect(encoders).toHaveLength(3);
  expect(broadcast.state).toMatchObject({ recording: false, phase: 'paused' });
  expect(broadcast.state.recorderProblem).toBeDefined();
});

it('reports a source that the browser cannot encode', () => {
  refuses = new DOMException('no', 'NotSupportedError');
  broadcast.setSource(SOURCE);
  expect(broadcast.state.recording).toBe(false);
  expect(broadcast.state.recorderProblem).toBeDefined();
});
