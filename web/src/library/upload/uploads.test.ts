// Several files are uploaded in parallel, each with its own state; failures do not affect others.

import { expect, it } from 'vitest';
import { CallError } from '../../protocol/error';
import type { Item, ItemState } from '../../protocol/item';
import type { Transfer, TransferListener } from './transfer';
import { MAX_SENDING, Uploads } from './uploads';

function setUp() {
  const transfers: { name: string; listener: TransferListener; calls: string[] }[] = [];
  const timers: (() => void)[] = [];
  const world = {
    state: 'processing' as ItemState,
    error: undefined as string | undefined,
    percent: undefined as number | undefined,
    isHearing: false,
    pausesMs: [] as number[],
    away: false,
    changes: 0,
    done: [] as string[],
    received: [] as string[],
  };
  const uploads = new Uploads({
    start: (file, listener): Transfer => {
      const calls: string[] = [];
      transfers.push({ name: file.name, listener, calls });
      return {
        pause: () => void calls.push('pause'),
        resume: () => void calls.push('resume'),
        cancel: () => void calls.push('cancel'),
      };
    },
    library: {
      item: (id) => {
        if (world.away) return Promise.reject(new CallError('unreachable', 'away'));
        return Promise.resolve({
          item_id: id,
          state: world.state,
          error: world.error,
          processed_percent: world.percent,
        } as Item);
      },
    },
    isHearing: () => world.isHearing,
    later: (ms, call) => {
      world.pausesMs.push(ms);
      timers.push(call);
      return () => void timers.splice(timers.indexOf(call), 1);
    },
    changed: () => world.changes++,
    received: (file) => world.received.push(file.name),
    done: (itemId) => world.done.push(itemId),
  });
  const phases = (): string[] => uploads.views.map(({ phase }) => phase);
  /** Lets answers arrive. */
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
  return { uploads, transfers, timers, world, phases, settle };
}

const files = (...names: string[]): File[] => names.map((name) => new File(['12345'], name));

it('sends a few at once, and the next ones as those finish', () => {
  const { uploads, transfers, phases, world } = setUp();
  uploads.add(files('a', 'b', 'c'));
  expect(MAX_SENDING).toBe(2);
  expect(phases()).toEqual(['sending', 'sending', 'waiting']);
  transfers[0]?.listener.progress(3);
  expect(uploads.views[0]).toMatchObject({ sentBytes: 3, bytes: 5 });
  transfers[0]?.listener.complete('1'.repeat(32));
  expect(phases()).toEqual(['reading', 'sending', 'sending']);
  expect(world.received).toEqual(['a']);
  expect(transfers.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

it('is done when the server has read the file, and reports why a file could not be read', async () => {
  for (const [state, error, phase] of [
    ['ready', undefined, 'done'],
    ['failed', 'no audio or video', 'failed'],
  ] as const) {
    const { uploads, transfers, timers, world, settle } = setUp();
    uploads.add(files('a'));
    transfers[0]?.listener.complete('1'.repeat(32));
    await settle();
    expect(uploads.views[0]?.phase).toBe('reading');
    world.away = true;
    timers.shift()?.();
    await settle();
    expect(uploads.views[0]?.phase).toBe('reading');
    Object.assign(world, { away: false, state, error });
    timers.shift()?.();
    await settle();
    expect(uploads.views[0]).toMatchObject({ phase, ...(error === undefined ? {} : { problem: error }) });
    expect(timers).toEqual([]);
    expect(world.done).toEqual(state === 'ready' ? ['1'.repeat(32)] : []);
  }
});

it('reports how much of a file the server has read, if it says so', async () => {
  const { uploads, transfers, timers, world, settle } = setUp();
  uploads.add(files('a'));
  transfers[0]?.listener.complete('1'.repeat(32));
  await settle();
  expect(uploads.views[0]?.readPercent).toBeUndefined();
  world.percent = 40;
  timers.shift()?.();
  await settle();
  expect(uploads.views[0]).toMatchObject({ phase: 'reading', readPercent: 40 });
});

it('pauses and resumes, and gives its turn to the next meanwhile', () => {
  const { uploads, transfers, phases } = setUp();
  uploads.add(files('a', 'b', 'c'));
  uploads.pause(1);
  expect(phases()).toEqual(['paused', 'sending', 'sending']);
  uploads.resume(1);
  expect(phases()).toEqual(['waiting', 'sending', 'sending']);
  uploads.remove(2);
  expect(phases()).toEqual(['sending', 'sending']);
  expect(transfers.map(({ calls }) => calls)).toEqual([['pause', 'resume'], ['cancel'], []]);
});

it('retries a failed upload, and keeps items that the server has completely', () => {
  const { uploads, transfers, phases } = setUp();
  uploads.add(files('a'));
  transfers[0]?.listener.failed(new CallError('quota_exceeded', 'full'));
  expect(uploads.views[0]?.problem).toMatchObject({ code: 'quota_exceeded' });
  uploads.resume(1);
  expect(phases()).toEqual(['sending']);
  expect(uploads.views[0]?.problem).toBeUndefined();
  transfers[1]?.listener.complete('1'.repeat(32));
  expect(uploads.isSending).toBe(false);
  uploads.remove(1);
  expect(transfers[1]?.calls).toEqual([]);
  expect(uploads.views).toEqual([]);
});

it('asks seldom for what the server tells', async () => {
  const { uploads, transfers, timers, world, phases, settle } = setUp();
  const told = (state: ItemState, percent: number): void =>
    uploads.heard({ item_id: '1', state, processed_percent: percent } as Item);
  uploads.add(files('a'));
  told('ready', 100);
  expect(phases()).toEqual(['sending']);
  world.isHearing = true;
  transfers[0]?.listener.complete('1');
  await settle();
  expect(world.pausesMs).toEqual([60_000]);
  told('processing', 40);
  expect(uploads.views[0]).toMatchObject({ phase: 'reading', readPercent: 40 });
  told('ready', 100);
  told('ready', 100);
  expect([phases(), world.done, timers]).toEqual([['done'], ['1'], []]);
});

it('asks less and less often if the server tells nothing, and again at once when it begins to', async () => {
  const { uploads, transfers, timers, world, settle } = setUp();
  uploads.add(files('a'));
  transfers[0]?.listener.complete('1');
  for (let times = 0; times < 5; times++) {
    await settle();
    timers.shift()?.();
  }
  await settle();
  expect(world.pausesMs).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  world.isHearing = true;
  // Two connections one after the other, the second one before the first question was answered.
  uploads.heardAnew();
  uploads.heardAnew();
  await settle();
  expect(world.pausesMs.slice(6)).toEqual([60_000]);
  expect(timers).toHaveLength(1);
});

it('continues uploads whose connection broke off once the browser is online, and no others', () => {
  const { uploads, transfers, phases } = setUp();
  uploads.add(files('a.mp3', 'b.mp3'));
  transfers[0]?.listener.failed(new CallError('unreachable', 'the upload broke off'));
  transfers[1]?.listener.failed(new CallError('quota_exceeded', 'full'));
  uploads.online();
  expect(phases()).toEqual(['sending', 'failed']);
  expect(transfers.map(({ name }) => name)).toEqual(['a.mp3', 'b.mp3', 'a.mp3']);
});
