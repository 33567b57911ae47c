// Text messages of the WebSocket transport: a message lacking the fields that pages rely on is an error with a code.

import { describe, expect, it } from 'vitest';
import messages from '../../../crates/protocol/fixtures/messages.json';
import { CallError } from './error';
import { readEvent } from './text';

const refusal = (text: string): unknown => {
  const read = readEvent(text);
  return read instanceof CallError ? read.code : read;
};

describe('readEvent', () => {
  it('reads events of nodes', () => {
    for (const event of ['watching', 'stream_state', 'skipped', 'stream_moved'] as const) {
      const payload = messages[event];
      expect(readEvent(JSON.stringify([event, payload]))).toEqual({ event, payload });
    }
    const clock = { t0_ms: 1, t1_ms: 2, t2_ms: 3 };
    expect(readEvent(JSON.stringify(['clock', clock]))).toEqual({ event: 'clock', payload: clock });
  });

  it('skips events of later versions', () => {
    expect(readEvent('["party",{"of":1}]')).toBeUndefined();
    expect(readEvent('["relay_path",{"path":[]}]')).toBeUndefined();
  });

  it('treats everything else as a bad answer', () => {
    const texts = ['', '{', 'null', '7', '"watching"', '{}', '[]', '[1]', '[["watching"]]'];
    const events = ['watching', 'stream_state', 'skipped', 'stream_moved', 'clock', 'error'];
    const payloads = [undefined, null, 7, 'live', [], {}, { state: 'asleep', viewers: 1 }, { nodes: [{}] }];
    for (const event of events) texts.push(...payloads.map((payload) => JSON.stringify([event, payload])));
    for (const text of texts) expect([text, refusal(text)]).toEqual([text, 'bad_answer']);
  });
});
