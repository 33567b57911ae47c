// The catalogue after each kind of event.

import { describe, expect, it } from 'vitest';
import type { StreamInfo } from '../protocol/stream';
import { applyEvent } from './catalogue';

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

  it('changes a stream in place, however many viewers it wins', () => {
    const after = applyEvent([stream('a', 5), stream('b')], { type: 'stream_changed', data: stream('b', 99) });
    expect(ids(after)).toEqual(['a', 'b']);
    expect(after[1]?.viewers).toBe(99);
  });

  it('shows a stream once though it started twice', () => {
    const after = applyEvent([stream('a')], { type: 'stream_started', data: stream('a', 1) });
    expect(ids(after)).toEqual(['a']);
  });

  it('removes what ended, and what it never knew without a fuss', () => {
    const before = [stream('a'), stream('b')];
    expect(ids(applyEvent(before, { type: 'stream_ended', data: { stream_id: 'a' } }))).toEqual(['b']);
    expect(ids(applyEvent(before, { type: 'stream_ended', data: { stream_id: 'z' } }))).toEqual(['a', 'b']);
  });

  it('leaves the list it was given alone', () => {
    const before = [stream('a')];
    applyEvent(before, { type: 'stream_changed', data: stream('a', 7) });
    expect(before[0]?.viewers).toBe(0);
  });
});
