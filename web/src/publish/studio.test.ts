// From choosing a source to the end of a stream, without a page.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MainServer } from '../api/client';
import { CallError } from '../protocol/error';
import type { NodeConnection } from '../transport/connection';
import type { Capture, CaptureEvent } from './capture';
import type { EncoderListener } from './encoder';
import { Studio } from './studio';

class FakeCapture {
  live = true;
  closed = false;
  tell: (event: CaptureEvent) => void = () => undefined;
  readonly kind = 'screen';
  readonly stream = {} as MediaStream;
  readonly hasAudio = true;
  limit(): void {
    return undefined;
  }
  setMicrophone(): Promise<boolean> {
    return Promise.resolve(false);
  }
  onEvent(listener: (event: CaptureEvent) => void): void {
    this.tell = listener;
  }
  close(): void {
    this.closed = true;
  }
}

class World {
  readonly captures: FakeCapture[] = [];
  readonly created: unknown[] = [];
  readonly keys: (string | undefined)[] = [];
  /** The stream key in use. */
  key: string | undefined;
  refusals = 0;
  notAllowed = false;
  readonly heard = new Map<string, (payload: unknown) => void>();
  readonly encoders: EncoderListener[] = [];
  /** The person declines to share. */
  declines = false;
  full = false;
  state = 'live';
  /** The library item of the recording. */
  recording: string | undefined;
  recordingIsOff = false;
  /** How many fresh grants were given. */
  grants = 0;
  /** How many times the servers fail to end a stream. */
  endRefusals = 0;
  picture: Blob | undefined;
  /** The uploads of preview pictures; none is answered. */
  readonly uploads: AbortSignal[] = [];
  /** Resolves when the node confirms the end of the stream. */
  ended: Promise<void> = Promise.resolve();
  readonly #memory = new Map<string, string>();
  readonly studio: Studio;

  constructor() {
    const memory = {
      getItem: (key: string) => this.#memory.get(key) ?? null,
      setItem: (key: string, value: string) => void this.#memory.set(key, value),
      removeItem: (key: string) => void this.#memory.delete(key),
    };
    const publish = { grant: 'grant', nodes: [{ public_url: '/a' }] };
    const server = {
      createStream: (body: unknown, _signal: unknown, key?: string) => {
        this.created.push(body);
        this.keys.push(key);
        if (this.notAllowed) return Promise.reject(new CallError('broadcast_not_allowed', 'no key'));
        if (this.full) return Promise.reject(new CallError('no_capacity', 'full'));
        const stream = { stream_id: 'a'.repeat(32), title: 'Slides', watch_url: '/view/a', publish };
        return Promise.resolve(stream);
      },
      publish: () => {
        this.grants += 1;
        return Promise.resolve(publish);
      },
      endStream: () => {
        if (this.endRefusals-- <= 0) return Promise.resolve();
        return Promise.reject(new CallError('store_unavailable', 'no leader', { retryAfterMs: 2_000 }));
      },
      stream: () => Promise.resolve({ state: this.state, viewers: 7, started_at_ms: 1, recording: this.recording }),
      setRecording: (_id: string, grant: string, on: boolean) => {
        if (this.recordingIsOff) return Promise.reject(new CallError('forbidden', 'nothing is recorded here'));
        this.recording = grant === publish.grant && on ? 'b'.repeat(32) : undefined;
        return Promise.resolve();
      },
      putThumbnail: (_id: string, _grant: string, _picture: Blob, signal: AbortSignal) => {
        this.uploads.push(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      },
    };
    const call = async (event: string): Promise<object> => {
      if (event === 'end_stream') await this.ended;
      if (event === 'end_stream' && this.endRefusals > 0) throw new CallError('unreachable', 'gone');
      return event === 'register_new_stream' ? { next_segment: 0, viewers: 0 } : { have: { take: 0, seq: 0 } };
    };
    this.studio = new Studio({
      server: server as unknown as MainServer,
      abilities: { secureContext: true, screen: true, camera: true, recorder: true, player: true },
      connect: () =>
        ({
          ...{ link: 'up', transport: 'socketio', call, close: () => undefined },
          on: (event: string, listener: (payload: unknown) => void) => {
            this.heard.set(event, listener);
            return () => undefined;
          },
          onLink: () => () => undefined,
        }) as unknown as NodeConnection,
      probe: { canRecord: () => true, canPlay: () => true },
      encode: (_stream, _settings, listener) => {
        this.encoders.push(listener);
        const made = { offered: undefined, encoded: undefined, size: undefined };
        return { progress: () => made, stop: () => Promise.resolve() };
      },
      takePicture: () => Promise.resolve(this.picture),
      streamKey: () => this.key,
      accessRefused: () => this.refusals++,
      siteMemory: memory,
      tabMemory: memory,
      startCapture: () => {
        if (this.declines) return Promise.reject(new DOMException('no', 'NotAllowedError'));
        const capture = new FakeCapture();
        this.captures.push(capture);
        return Promise.resolve(capture as unknown as Capture);
      },
      changed: () => undefined,
    });
  }
}

let world: World;
let studio: Studio;
beforeEach(() => {
  vi.useFakeTimers();
  world = new World();
  studio = world.studio;
});
afterEach(() => {
  studio.close();
  vi.useRealTimers();
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

it('asks for a source, goes live with it, and ends', async () => {
  await studio.goLive('secret');
  expect(world.created).toEqual([{ title: 'My stream', visibility: 'public', passphrase: 'secret' }]);
  expect(studio.phase).toBe('on_air');
  world.encoders[0]?.segment(new ArrayBuffer(1), 'video/webm;codecs=vp9,opus', 1);
  await pass(6_000);
  expect(studio.air?.state).toMatchObject({ phase: 'live', recording: true });
  expect(studio.air?.viewers).toBe(7);
  expect(studio.air?.runningMs).toBeGreaterThan(4_000);
  await studio.end();
  expect(studio).toMatchObject({ phase: 'over', nothingShared: false });
  expect(world.captures[0]?.closed).toBe(true);
  studio.again();
  expect([studio.phase, studio.air]).toEqual(['setup', undefined]);
});

it('keeps trying to end a stream while the main server cannot write', async () => {
  await studio.goLive('');
  world.endRefusals = 3;
  const ended = studio.end();
  await pass(4_000);
  expect(studio.ending).toBe(true);
  await pass(60_000);
  await ended;
  expect(studio).toMatchObject({ phase: 'over', ending: false, problem: undefined });
  expect(world.endRefusals).toBe(0);
});

it('sends no preview picture of a stream that it is ending', async () => {
  world.picture = new Blob(['abc']);
  world.ended = new Promise(() => undefined);
  await studio.goLive('');
  world.encoders[0]?.segment(new ArrayBuffer(1), 'video/webm;codecs=vp9,opus', 1);
  await pass(1_000);
  expect(world.uploads.map(({ aborted }) => aborted)).toEqual([false]);
  void studio.end();
  await pass(0);
  expect(world.uploads.map(({ aborted }) => aborted)).toEqual([true]);
  await pass(20_000);
  expect(world.uploads).toHaveLength(1);
});

it('creates one stream, even if asked repeatedly', async () => {
  await Promise.all([studio.goLive(''), studio.goLive(''), studio.goLive('')]);
  expect(world.created).toHaveLength(1);
  expect(world.captures).toHaveLength(1);
});

it('stays at the choices and says why if the person shares nothing', async () => {
  world.declines = true;
  await studio.goLive('');
  expect(studio.phase).toBe('setup');
  expect(studio.problem).toBeDefined();
  expect(world.created).toEqual([]);
});

it('waits for capacity, until the person stops it', async () => {
  world.full = true;
  const going = studio.goLive('');
  await pass(5_000);
  expect(studio.phase).toBe('starting');
  expect(studio.waitsFor).toBeDefined();
  studio.stopTrying();
  await going;
  expect(studio).toMatchObject({ phase: 'setup', waitsFor: undefined, problem: undefined });
});

it('counts down while nothing is shared, and ends when the main server says so', async () => {
  await studio.goLive('');
  world.captures[0]?.tell('ended');
  await pass(1_000);
  expect(studio.sources.capture).toBeUndefined();
  expect(studio.air?.graceLeftMs).toBeGreaterThan(25_000);
  world.state = 'ended';
  await pass(31_000);
  expect(studio).toMatchObject({ phase: 'over', nothingShared: true });
});

it('reports what a capture lost, and switches off a missing microphone', async () => {
  studio.remember({ ...studio.settings, microphone: true });
  await studio.sources.choose('screen');
  world.captures[0]?.tell('voice_ended');
  expect(studio.sources.lost).toBe('microphone');
  expect(studio.settings.microphone).toBe(false);
});

it('creates streams with the stream key, and reports a rejected key', async () => {
  world.key = 'secret key';
  world.notAllowed = true;
  await studio.goLive('');
  expect(world.keys).toEqual(['secret key']);
  expect(world.refusals).toBe(1);
  expect(studio.phase).toBe('setup');
  expect(studio.problem?.advice).toContain('revoked');
});

it('makes private streams for holders of an invitation, and of the passphrase if there is one', async () => {
  studio.remember({ ...studio.settings, visibility: 'private' });
  await studio.goLive('');
  expect(world.created).toEqual([{ title: 'My stream', visibility: 'private', invitation_only: true }]);
});

it('records a stream from its start if that is chosen', async () => {
  studio.remember({ ...studio.settings, record: true });
  await studio.goLive('');
  expect(world.created).toEqual([{ title: 'My stream', visibility: 'public', record: true }]);
});

it('starts and stops recording while live, and reports a refusal', async () => {
  await studio.goLive('');
  expect(studio.air?.recording).toBeUndefined();
  const switched = studio.air?.setRecording(true);
  expect(studio.air?.isSwitchingRecording).toBe(true);
  await switched;
  expect(studio.air?.recording).toBe('b'.repeat(32));
  expect(world.grants).toBe(1);
  await studio.air?.setRecording(false);
  expect(studio.air?.recording).toBeUndefined();
  expect(world.grants, 'grants say whether the stream is recorded').toBe(2);
  world.recordingIsOff = true;
  await expect(studio.air?.setRecording(true)).rejects.toMatchObject({ code: 'forbidden' });
  expect(studio.air?.isSwitchingRecording).toBe(false);
});

it('detects that someone else ended the stream', async () => {
  for (const how of ['operator', 'broadcaster'] as const) {
    const { studio, encoders, heard } = (world = new World());
    await studio.goLive('');
    encoders[0]?.segment(new ArrayBuffer(10), 'video/webm', 0);
    await vi.advanceTimersByTimeAsync(100);
    expect(studio.air?.state.phase).toBe('live');
    const ended = { stream_id: 'a'.repeat(32), state: 'ended', viewers: 0 };
    if (how === 'operator') heard.get('stream_state')?.(ended);
    else await studio.end();
    expect(studio.phase).toBe('over');
    expect(studio.endedElsewhere).toBe(how === 'operator');
    studio.close();
  }
});
