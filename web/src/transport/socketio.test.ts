// How a node's public URL is resolved, and how its acks are read.

import { describe, expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import { accepted, socketAddress } from './socketio';

const PAGE = 'https://main.example:5000/view/0123';

describe('socketAddress', () => {
  it('resolves a path on the page’s own origin', () => {
    expect(socketAddress('/cdn/a', PAGE)).toEqual({ origin: 'https://main.example:5000', path: '/cdn/a/socket.io/' });
  });

  it('keeps the origin and path of an absolute URL', () => {
    expect(socketAddress('http://node-b:5002', PAGE)).toEqual({ origin: 'http://node-b:5002', path: '/socket.io/' });
    expect(socketAddress('https://edge.example/cdn/b/', PAGE)).toEqual({
      origin: 'https://edge.example',
      path: '/cdn/b/socket.io/',
    });
  });
});

describe('accepted', () => {
  it('returns the content of an ack', () => {
    expect(accepted({ ok: true, take: 2 })).toEqual({ ok: true, take: 2 });
  });

  it('turns a refusal into its code', () => {
    const refused = accepted({ ok: false, error: { code: 'unknown_stream', message: 'no such stream' } });
    expect(refused).toBeInstanceOf(CallError);
    expect(refused).toMatchObject({ code: 'unknown_stream', message: 'no such stream' });
  });

  it('passes on how long the node asks to wait', () => {
    const full = { code: 'no_capacity', message: 'full', retry_after_s: 3 };
    expect(accepted({ ok: false, error: full })).toMatchObject({ code: 'no_capacity', retryAfterMs: 3_000 });
  });

  it('treats anything else as a bad answer', () => {
    for (const ack of [undefined, null, 'yes', 1, {}, { ok: false }, { ok: 1 }]) {
      expect(accepted(ack)).toMatchObject({ code: 'bad_answer' });
    }
  });
});
