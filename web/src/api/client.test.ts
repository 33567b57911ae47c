// The HTTP client: grants travel as bearer tokens, and every failure becomes a coded error.

import { describe, expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import { MainServer } from './client';

interface Seen {
  url: string;
  init: RequestInit;
}

function server(answer: () => Response | Promise<Response>) {
  const seen: Seen[] = [];
  const main = new MainServer((url, init) => {
    seen.push({ url: url as string, init: init ?? {} });
    return Promise.resolve().then(answer);
  });
  return { main, seen };
}

describe('MainServer', () => {
  it('sends JSON bodies and gives back JSON answers', async () => {
    const { main, seen } = server(() => Response.json({ stream_id: 'abc' }, { status: 201 }));
    expect(await main.createStream({ title: 'Hello' })).toEqual({ stream_id: 'abc' });
    expect(seen[0]?.url).toBe('/api/streams');
    expect(seen[0]?.init.method).toBe('POST');
    expect(seen[0]?.init.body).toBe('{"title":"Hello"}');
  });

  it('hands grants over as bearer tokens, never in the address', async () => {
    const { main, seen } = server(() => new Response(null, { status: 204 }));
    await main.endStream('abc', 'secret');
    expect(seen[0]?.url).toBe('/api/streams/abc');
    expect(new Headers(seen[0]?.init.headers).get('authorization')).toBe('Bearer secret');
  });

  it('shows the cluster secret for what operators ask', async () => {
    const { main, seen } = server(() => Response.json([]));
    await main.nodes('secret');
    expect(seen[0]?.url).toBe('/api/nodes');
    expect(new Headers(seen[0]?.init.headers).get('authorization')).toBe('Bearer secret');
  });

  it('sends a preview picture as it is', async () => {
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

  it('says unreachable when the request does not get through', async () => {
    const { main } = server(() => {
      throw new TypeError('Failed to fetch');
    });
    await expect(main.streams()).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('escapes ids, which come out of addresses', async () => {
    const { main, seen } = server(() => Response.json({}));
    await main.stream('../nodes?x');
    expect(seen[0]?.url).toBe('/api/streams/..%2Fnodes%3Fx');
  });
});
