// The HTTP client: grants travel as bearer tokens, and every failure becomes a coded error.

import { describe, expect, it, vi } from 'vitest';
import { CallError } from '../protocol/error';
import { MainServer } from './client';
import { RetryGate } from './retry-gate';
import { ServerTime } from './server-time';

interface Seen {
  url: string;
  init: RequestInit;
}

function server(answer: () => Response | Promise<Response>) {
  const seen: Seen[] = [];
  const clock = { ms: 0 };
  const time = new ServerTime(() => clock.ms);
  const setup = {
    fetch: (url: unknown, init?: RequestInit) => {
      seen.push({ url: url as string, init: init ?? {} });
      return Promise.resolve().then(answer);
    },
    gate: new RetryGate(() => clock.ms),
    time,
  };
  return { main: new MainServer(setup), other: new MainServer(setup), seen, clock, time };
}

/** Returns the error of a failed call. */
async function failure(call: Promise<unknown>): Promise<CallError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CallError)) throw new Error('the call did not fail with a CallError');
  return error;
}

describe('MainServer', () => {
  it('sends JSON bodies and gives back JSON answers', async () => {
    const { main, seen } = server(() => Response.json({ stream_id: 'abc' }, { status: 201 }));
    expect(await main.createStream({ title: 'Hello' })).toEqual({ stream_id: 'abc' });
    expect(seen[0]?.url).toBe('/api/streams');
    expect(seen[0]?.init.method).toBe('POST');
    expect(seen[0]?.init.body).toBe('{"title":"Hello"}');
  });

  it('holds back the kind of call that is refused for now, but no other kind at the same address', async () => {
    const headers = { 'retry-after': '60' };
    const refusal = (): Response =>
      Response.json({ error: { code: 'limit_reached', message: '' } }, { status: 429, headers });
    const { main, seen } = server(refusal);
    const ask = (kind: string) => failure(main.call('/api/parties/a/commands', { method: 'POST', kind }));
    for (const kind of ['chat', 'chat', 'pause', 'pause']) expect((await ask(kind)).code).toBe('limit_reached');
    expect(seen.length).toBe(2);
  });

  it('hands grants over as bearer tokens, never in the address', async () => {
    const { main, seen } = server(() => new Response(null, { status: 204 }));
    await main.endStream('abc', 'secret');
    expect(seen[0]?.url).toBe('/api/streams/abc');
    expect(new Headers(seen[0]?.init.headers).get('authorization')).toBe('Bearer secret');
  });

  it('adds a header to changes by the session alone, which pages of other sites cannot do', async () => {
    const { main, seen } = server(() => new Response('[]'));
    await main.nodes();
    await main.removeNode('a b');
    await main.endStream('abc', 'grant');
    await main.watch('abc');
    const sent = seen.map(({ url, init }) => [init.method, url, new Headers(init.headers).get('x-undead-csrf')]);
    expect(sent).toEqual([
      ['GET', '/api/nodes', null],
      ['DELETE', '/api/nodes/a%20b', '1'],
      ['DELETE', '/api/streams/abc', null],
      ['POST', '/api/streams/abc/watch', null],
    ]);
  });

  it('reports the reason of a refusal', async () => {
    const refused = { error: { code: 'invitation_refused', message: 'no', reason: 'expired' } };
    const { main } = server(() => Response.json(refused, { status: 403 }));
    await expect(main.watch('abc')).rejects.toMatchObject({ code: 'invitation_refused', reason: 'expired' });
  });

  it('sends a preview picture unchanged', async () => {
    const { main, seen } = server(() => new Response(null, { status: 204 }));
    const picture = new Blob(['jpeg'], { type: 'image/jpeg' });
    await main.putThumbnail('abc', 'secret', picture);
    expect(seen[0]?.init.body).toBe(picture);
    expect(new Headers(seen[0]?.init.headers).get('content-type')).toBe('image/jpeg');
  });

  it("fails with the server's code and message", async () => {
    const refused = { error: { code: 'unknown_stream', message: 'no stream abc' } };
    const { main } = server(() => Response.json(refused, { status: 404 }));
    await expect(main.stream('abc')).rejects.toMatchObject({ code: 'unknown_stream', message: 'no stream abc' });
  });

  it('says bad_answer when a failure carries no error body', async () => {
    const { main } = server(() => new Response('<h1>Bad Gateway</h1>', { status: 502 }));
    const failure = await main.streams().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallError);
    expect(failure).toMatchObject({ code: 'bad_answer', transient: true });
  });

  it('says unreachable when the request does not reach the server', async () => {
    const { main } = server(() => {
      throw new TypeError('Failed to fetch');
    });
    await expect(main.streams()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('escapes ids, because they come from addresses', async () => {
    const { main, seen } = server(() => Response.json({}));
    await main.stream('../nodes?x');
    expect(seen[0]?.url).toBe('/api/streams/..%2Fnodes%3Fx');
  });

  it('reads the server’s time from the date of any answer, refusals included', async () => {
    const date = 'Sat, 28 Nov 2026 12:00:00 GMT';
    const { main, time } = server(() => new Response('[]', { status: 502, headers: { date } }));
    await failure(main.streams());
    expect(Math.abs(time.nowMs() - Date.parse(date))).toBeLessThan(1_100);
  });

  it('sends nothing before the time that Retry-After names, in any part of the page', async () => {
    const refused = { error: { code: 'limit_reached', message: 'too many' } };
    const { main, other, seen, clock } = server(() =>
      Response.json(refused, { status: 429, headers: { 'retry-after': '7' } }),
    );
    expect(await failure(main.watch('abc'))).toMatchObject({ code: 'limit_reached', retryAfterMs: 7_000 });
    clock.ms = 4_000;
    const again = await failure(other.watch('abc', { passphrase: 'x' }));
    expect(again).toMatchObject({ code: 'limit_reached', message: 'too many', retryAfterMs: 3_000 });
    expect(seen).toHaveLength(1);
    await failure(main.stream('abc'));
    expect(seen).toHaveLength(2);
    clock.ms = 7_000;
    await failure(main.watch('abc'));
    expect(seen).toHaveLength(3);
  });

  it.each([
    ['a proxy that says it without a body', '3', 3_000],
    ['a date', 'Sat, 28 Nov 2026 12:00:05 GMT', 4_500],
    ['nonsense', 'soon', undefined],
    ['the past', 'Sat, 28 Nov 2026 11:00:00 GMT', undefined],
  ])('reads Retry-After as seconds or a date: %s', async (_, header, expected) => {
    const headers = { 'retry-after': header, date: 'Sat, 28 Nov 2026 12:00:00 GMT' };
    const { main } = server(() => new Response('busy', { status: 503, headers }));
    const { retryAfterMs } = await failure(main.streams());
    if (expected === undefined) expect(retryAfterMs).toBeUndefined();
    else expect(Math.abs((retryAfterMs ?? NaN) - expected)).toBeLessThan(500);
  });

  it('needs no AbortSignal.any, which Safari before 17.4 lacks', async () => {
    const missing = vi.spyOn(AbortSignal, 'any').mockImplementation(() => {
      throw new TypeError('AbortSignal.any is not a function');
    });
    const { main } = server(() => new Response('event: snapshot\ndata: []\n\n'));
    const { signal } = new AbortController();
    expect(await main.events(signal).next()).toMatchObject({ value: { type: 'snapshot', data: '[]' } });
    missing.mockRestore();
  });
});
