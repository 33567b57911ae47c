// The catalogue after each kind of event, and how often a page that follows it connects.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import type { StreamInfo } from '../protocol/stream';
import { applyEvent, followCatalogue, type CatalogueView } from './catalogue';
import type { ServerEvent } from './event-stream';
import { FakeSight } from './fake-sight';

function stream(stream_id: string, viewers = 0): StreamInfo {
  return { stream_id, title: stream_id, started_at_ms: 0, viewers, state: 'live', mime: null };
}

const ids = (streams: readonly StreamInfo[]): string[] => streams.map(({ stream_id }) => stream_id);

describe('applyEvent', () => {
  it('replaces everything with a snapshot', () => {
    const after = applyEvent([stream('old')], { type: 'snapshot', data: [stream('a'), stream('b')] });
    expect(ids(after)).toEqual(['a', 'b']);
  });

  it('puts a new stream first', () => {
    const after = applyEvent([stream('a')], { type: 'stream_started', data: stream('b') });
    expect(ids(after)).toEqual(['b', 'a']);
  });

  it('updates a stream in place when its viewers change', () => {
    const after = applyEvent([stream('a', 5), stream('b')], { type: 'stream_changed', data: stream('b', 99) });
    expect(ids(after)).toEqual(['a', 'b']);
    expect(after[1]?.viewers).toBe(99);
  });

  it('shows a stream once even if it started twice', () => {
    const after = applyEvent([stream('a')], { type: 'stream_started', data: stream('a', 1) });
    expect(ids(after)).toEqual(['a']);
  });

  it('removes ended streams, and ignores unknown ones', () => {
    const before = [stream('a'), stream('b')];
    expect(ids(applyEvent(before, { type: 'stream_ended', data: { stream_id: 'a' } }))).toEqual(['b']);
    expect(ids(applyEvent(before, { type: 'stream_ended', data: { stream_id: 'z' } }))).toEqual(['a', 'b']);
  });

  it('does not change the given list', () => {
    const before = [stream('a')];
    applyEvent(before, { type: 'stream_changed', data: stream('a', 7) });
    expect(before[0]?.viewers).toBe(0);
  });
});

describe('followCatalogue', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** Events, after which the server is silent until aborted; or a refusal. */
  type Answer = ServerEvent[] | CallError;

  function follow(answer: () => Answer) {
    const stop = new AbortController();
    const sight = new FakeSight();
    const seen = { asked: 0, open: 0, views: [] as CatalogueView[] };
    const server = {
      async *events(signal: AbortSignal): AsyncGenerator<ServerEvent> {
        seen.asked++;
        const given = answer();
        await Promise.resolve();
        if (given instanceof CallError) throw given;
        seen.open++;
        try {
          yield* given;
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
        } finally {
          seen.open--;
        }
      },
    };
    followCatalogue((view) => seen.views.push(view), stop.signal, { server, sight });
    return { stop, sight, seen };
  }

  const snapshot: ServerEvent = { type: 'snapshot', data: JSON.stringify([stream('a')]) };

  it('reports events, and skips those it cannot read', async () => {
    const odd = [
      { type: 'snapshot', data: '{' },
      { type: 'party', data: '{}' },
    ];
    const { stop, seen } = follow(() => [...odd, snapshot]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(seen.views).toEqual([{ streams: [stream('a')], connected: true }]);
    expect(seen.asked).toBe(1);
    stop.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(seen.open).toBe(0);
  });

  it('connects less and less often while it is refused, and never before Retry-After', async () => {
    const { stop, seen } = follow(() => new CallError('limit_reached', 'full', { retryAfterMs: 20_000 }));
    await vi.advanceTimersByTimeAsync(19_000);
    expect(seen.asked).toBe(1);
    await vi.advanceTimersByTimeAsync(281_000);
    expect(seen.asked).toBeGreaterThan(5);
    expect(seen.asked).toBeLessThanOrEqual(16);
    expect(seen.views.every(({ connected }) => !connected)).toBe(true);
    stop.abort();
    await vi.advanceTimersByTimeAsync(60_000);
    const asked = seen.asked;
    await vi.advanceTimersByTimeAsync(300_000);
    expect(seen.asked).toBe(asked);
  });

  it('closes its connection while the page is hidden, and connects again when it is visible', async () => {
    const { stop, sight, seen } = follow(() => [snapshot]);
    await vi.advanceTimersByTimeAsync(1_000);
    sight.show(false);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(seen.open).toBe(1);
    await vi.advanceTimersByTimeAsync(600_000);
    expect([seen.open, seen.asked]).toEqual([0, 1]);
    sight.show(true);
    await vi.advanceTimersByTimeAsync(0);
    expect([seen.open, seen.asked]).toEqual([1, 2]);
    expect(seen.views.every(({ connected }) => connected)).toBe(true);
    stop.abort();
  });
});
