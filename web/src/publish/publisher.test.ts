// Every segment reaches the node once and in order; large ones are sent in pieces.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeConnection, MIME, names, start } from './fake-nodes';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Publisher', () => {
  it('registers the take, then sends every segment once and in order', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    expect(a.registrations).toEqual([{ stream_id: 'abc', grant: 'first', mime: MIME, take: 1 }]);
    expect(a.received).toEqual(names(1, 0, 5));
    expect(publisher.state).toMatchObject({ phase: 'live', viewers: 2, behindMs: 0 });
  });

  it('sends segments recorded before the node could be reached', async () => {
    const { publisher, a } = start();
    publisher.startTake(1, MIME);
    for (let i = 0; i < 3; i++) publisher.push(new ArrayBuffer(10), Date.now());
    await vi.advanceTimersByTimeAsync(100);
    expect(a.received).toEqual(names(1, 0, 3));
  });

  it("tells capture times by the node's clock", async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(3);
    const before = Date.now();
    await push(1);
    // The clock's error is at most half a round trip, here 1 ms.
    expect(Math.abs((a.captured.at(-1) ?? NaN) - before - 5000)).toBeLessThanOrEqual(1);
  });

  it('keeps no more than a megabyte in flight', async () => {
    const { publisher, a } = start();
    publisher.startTake(1, MIME);
    await vi.advanceTimersByTimeAsync(50);
    const calls = vi.spyOn(FakeConnection.prototype, 'call');
    a.deaf = true;
    for (let i = 0; i < 8; i++) publisher.push(new ArrayBuffer(300_000), Date.now());
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls.mock.calls.filter(([event]) => event === 'broadcast_data')).toHaveLength(4);
    expect(publisher.state.behindMs).toBeGreaterThan(900);
    calls.mockRestore();
  });

  it('sends a blob of 13 MB in pieces, each once', async () => {
    const { publisher, a, takesWanted, push } = start();
    a.breaksBeyond = 1_000_000;
    publisher.startTake(1, MIME);
    await push(1);
    publisher.push(new ArrayBuffer(13 << 20), Date.now());
    await push(20);
    expect(a.sent.reduce((sum, { bytes }) => sum + bytes, 0)).toBe((13 << 20) + 21 * 10);
    expect(a.received).toEqual(names(1, 0, 47));
    expect(takesWanted).toEqual([]);
  });

  it('sends the capture time of a blob with its last piece only', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(20);
    publisher.push(new ArrayBuffer(1_200_000), Date.now());
    await push(1);
    const told = a.captured.slice(-4).map((atMs) => atMs !== undefined);
    expect(told).toEqual([false, false, true, true]);
  });

  it('resends once a segment on which the connection breaks, then begins a new take', async () => {
    const { publisher, a, b, takesWanted, push } = start();
    a.breaksBeyond = b.breaksBeyond = 100_000;
    publisher.startTake(1, MIME);
    await push(3);
    publisher.push(new ArrayBuffer(2_000_000), Date.now());
    await push(300);
    const sends = new Map<string, number>();
    for (const { name, bytes } of [...a.sent, ...b.sent]) if (bytes > 10) sends.set(name, (sends.get(name) ?? 0) + 1);
    expect(Math.max(...sends.values())).toBe(2);
    expect(takesWanted).toEqual(['unreachable']);
    publisher.startTake(2, MIME);
    await push(3);
    expect([...a.received, ...b.received].filter((name) => name.startsWith('2.'))).toEqual(names(2, 0, 3));
  });

  it('does not abandon a take because the connection broke on small segments', async () => {
    const { publisher, a, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    for (let i = 0; i < 5; i++) {
      publisher.push(new ArrayBuffer(10), Date.now());
      await vi.advanceTimersByTimeAsync(1);
      a.die();
      a.revive();
      await push(1);
    }
    expect(takesWanted).toEqual([]);
  });

  it('never resends a segment that a node finds too large', async () => {
    const { publisher, a, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    await push(3);
    a.refuseData = ['payload_too_large'];
    publisher.push(new ArrayBuffer(500_000), Date.now());
    await push(50);
    expect(a.sent.filter(({ bytes }) => bytes > 10)).toEqual([{ name: '1.3', bytes: 500_000 }]);
    expect(takesWanted).toEqual(['payload_too_large']);
  });

  it('tells the node when the broadcaster ends the stream', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    const ending = publisher.end();
    await push(1);
    await ending;
    expect(a.ended).toBe(true);
    expect(publisher.state.phase).toBe('ended');
  });
});
