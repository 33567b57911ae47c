// When a publisher asks for a new take, and when it gives up.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ErrorCode } from '../protocol/error';
import { MIME, names, start } from './fake-nodes';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Publisher and takes', () => {
  it('asks for a new take after an outage longer than its memory', async () => {
    const { publisher, a, b, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    await push(5);
    a.die();
    b.up = false;
    await push(400);
    b.revive();
    a.revive();
    await push(80);
    expect(takesWanted).toEqual(['segment_gap']);
    publisher.startTake(2, MIME);
    await push(3);
    expect([...a.received, ...b.received].filter((name) => name.startsWith('2.'))).toEqual(names(2, 0, 3));
  });

  it('registers again after a gap, and asks for a new take only when media is refused', async () => {
    const { publisher, a, takesWanted, push } = start();
    publisher.startTake(1, MIME);
    await push(3);
    a.refuseData = ['segment_gap'];
    a.nextSegment = 3;
    a.register = function (payload) {
      this.registrations.push(payload);
      return { next_segment: 3, viewers: 0 };
    };
    await push(2);
    expect(a.received).toEqual(names(1, 0, 5));
    expect(takesWanted).toEqual([]);
    a.refuseData = ['malformed_media'];
    await push(1);
    expect(takesWanted).toEqual(['malformed_media']);
  });

  it('ends in the state `failed` when its own code fails', async () => {
    const { publisher, a, b, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    b.connect = () => {
      throw new TypeError('broken');
    };
    a.die();
    await push(10);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'bad_answer' } });
  });

  it('gives up when take after take is refused', async () => {
    const { publisher, a, takesWanted, push } = start();
    a.refuseData = Array<ErrorCode>(50).fill('malformed_media');
    for (let take = 1; take <= 6; take++) {
      publisher.startTake(take, MIME);
      await push(1);
    }
    expect(takesWanted).toHaveLength(3);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'malformed_media' } });
  });

  it('gives up when each take breaks right after its first segments, and reports it once', async () => {
    const { publisher, a, states, takesWanted, push } = start();
    for (let take = 1; take <= 6; take++) {
      publisher.startTake(take, MIME);
      await push(3);
      a.refuseData = ['malformed_media'];
      await push(1);
    }
    expect(takesWanted).toHaveLength(3);
    expect(states.filter(({ phase }) => phase === 'failed')).toHaveLength(1);
    expect(publisher.state).toMatchObject({ problem: { code: 'malformed_media' } });
  });

  it('keeps starting new takes if each lasted long enough to watch', async () => {
    const { publisher, a, takesWanted, push } = start();
    for (let take = 1; take <= 6; take++) {
      publisher.startTake(take, MIME);
      await push(60);
      a.refuseData = ['malformed_media'];
      await push(1);
    }
    expect(takesWanted).toHaveLength(6);
    expect(publisher.state.phase).toBe('live');
  });

  it('stops at the first segment whose format can never be forwarded', async () => {
    const { publisher, a, takesWanted, push } = start();
    a.refuseData = ['unsupported_mime'];
    publisher.startTake(1, MIME);
    await push(10);
    expect(takesWanted).toEqual([]);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code: 'unsupported_mime' } });
    expect(a.registrations).toHaveLength(1);
  });

  it('begins a new take on the same connection', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    publisher.startTake(2, 'video/webm;codecs=vp8');
    await push(2);
    expect(a.registrations.map(({ take }) => take)).toEqual([1, 2]);
    expect(a.received).toEqual([...names(1, 0, 2), ...names(2, 0, 2)]);
    expect(a.connections).toHaveLength(1);
  });

  it('stops when the stream was ended elsewhere', async () => {
    const { publisher, a, push } = start();
    publisher.startTake(1, MIME);
    await push(2);
    a.tell('stream_state', { stream_id: 'abc', state: 'ended', viewers: 0 });
    await push(5);
    expect(publisher.state.phase).toBe('ended');
    expect(a.received).toEqual(names(1, 0, 2));
    expect(a.connections[0]?.closed).toBe(true);
  });

  it.each(['already_publishing', 'unsupported_mime'] as const)('fails permanently on %s', async (code) => {
    const { publisher, a, asked, push } = start();
    a.refuseRegister = [code];
    publisher.startTake(1, MIME);
    await push(10);
    expect(publisher.state).toMatchObject({ phase: 'failed', problem: { code } });
    expect(asked).toEqual([]);
  });
});
