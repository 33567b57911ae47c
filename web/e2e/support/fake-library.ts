// A library in this process: the pages as the main server serves them, items, and nodes that count their bytes, die in
// the middle of a fragment, and recover.
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Songs, type Format, type Take } from './songs.ts';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; " +
  "worker-src 'self'; manifest-src 'self'; connect-src 'self' http: https: ws: wss:; object-src 'none'; base-uri 'none'; form-action 'self'";
const NOBODY = { account: null, broadcast: 'open', may_broadcast: true, setup_needed: false };
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface StoredItem {
  record: Record<string, unknown> & { item_id: string; title: string };
  takes: Take[];
}

/** A server on a port of its own. Stopping it breaks all connections; it may restart on the same port. */
abstract class Local {
  #server: Server | undefined;
  #port = 0;
  readonly #sockets = new Set<Socket>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.answer(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
  }

  stop(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** A node of the library. */
export class FakeNode extends Local {
  /** Bytes of media sent. */
  sentBytes = 0;
  /** Requested hashes, with the first byte. */
  readonly asked: { hash: string; from: number }[] = [];
  /** The node dies after sending so many more bytes. */
  dieAfterBytes = Infinity;
  /** Hashes of blobs that it did not send completely. */
  readonly brokeOff = new Set<string>();
  readonly #library: FakeLibrary;

  constructor(library: FakeLibrary) {
    super();
    this.#library = library;
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await Promise.resolve();
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', '*');
    response.setHeader('access-control-expose-headers', 'content-range, etag');
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    const [, itemId = '', what, hash = ''] = /library\/([^/]+)\/(manifest|blobs)\/?(\w*)/.exec(request.url ?? '') ?? [];
    const item = this.#library.items.get(itemId);
    const blob = this.#library.songs.blobs.get(hash);
    if (item === undefined) refuse(response, 404, 'unknown_item');
    else if (what === 'manifest') json(response, { item_id: itemId, takes: item.takes });
    else if (blob === undefined) refuse(response, 404, 'unknown_blob');
    else this.#send(request, response, hash, blob);
  }

  #send(request: IncomingMessage, response: ServerResponse, hash: string, blob: Buffer): void {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    this.asked.push({ hash, from });
    const body = blob.subarray(from);
    const range = from > 0 ? { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': body.length,
      'content-type': 'application/octet-stream',
      'cache-control': 'no-store',
      ...range,
    });
    const most = Math.min(body.length, this.dieAfterBytes);
    this.dieAfterBytes -= most;
    this.sentBytes += most;
    if (most === body.length) response.end(body);
    else {
      this.brokeOff.add(hash);
      response.write(body.subarray(0, most), () => setTimeout(() => this.stop(), 50));
    }
  }
}

/** The main server of the library. */
export class FakeLibrary extends Local {
  readonly songs = new Songs();
  readonly items = new Map<string, StoredItem>();
  readonly nodes: FakeNode[] = [];
  /** Lyrics by item. */
  readonly lyrics = new Map<string, string>();
  /** The server's answer about the signed-in person. */
  me: object = NOBODY;
  #made = 0;

  static async open(nodes = 3): Promise<FakeLibrary> {
    const library = new FakeLibrary();
    await library.start();
    for (let n = 0; n < nodes; n++) {
      const node = new FakeNode(library);
      await node.start();
      library.nodes.push(node);
    }
    return library;
  }

  close(): void {
    for (const server of [this, ...this.nodes]) server.stop();
  }

  /** Bytes of media sent by all nodes. */
  get sentBytes(): number {
    return this.nodes.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  /** Adds an item and returns its id. `sound` is an ffmpeg source. */
  async add(
    title: string,
    format: Format,
    seconds: number,
    more: Record<string, unknown> = {},
    sound?: string,
  ): Promise<string> {
    const item_id = (++this.#made).toString(16).padStart(32, '0');
    const take = await this.songs.make(format, seconds, sound);
    const video = format === 'vp9' ? [{ kind: 'video', codec: 'vp09.00.10.08' }] : [];
    const record = {
      item_id,
      title,
      kind: 'upload',
      tags: [],
      visibility: 'public',
      created_at_ms: Date.now() - this.#made * 3_600_000,
      duration_ms: take.fragments.reduce((sum, { duration_ms }) => sum + duration_ms, 0),
      bytes: take.fragments.reduce((sum, { bytes }) => sum + bytes, 0),
      tracks: [...video, { kind: 'audio', codec: format }],
      state: 'ready',
      ...more,
    };
    this.items.set(item_id, { record, takes: [take] });
    return item_id;
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const [, itemId, rest = ''] = /^\/api\/library\/([^/]+)(\/\w+)?$/.exec(pathname) ?? [];
    if (pathname === '/api/library') this.#list(response, searchParams);
    else if (pathname === '/api/me') json(response, this.me);
    else if (pathname === '/api/logout') this.#signOut(response);
    else if (itemId !== undefined && rest === '/lyrics') await this.#lyrics(request, response, itemId);
    else if (itemId !== undefined && rest === '/waveform') json(response, WAVE);
    else if (itemId !== undefined) this.#item(response, itemId, rest === '/play');
    else await this.#file(response, pathname);
  }

  #list(response: ServerResponse, query: URLSearchParams): void {
    const words = (query.get('q') ?? '').toLowerCase();
    const items = [...this.items.values()].map(({ record }) => record);
    const found = items.filter(({ title }) => title.toLowerCase().includes(words));
    json(response, { items: found, total: found.length });
  }

  #item(response: ServerResponse, itemId: string, plays: boolean): void {
    const item = this.items.get(itemId);
    const isHidden = item?.record.visibility === 'private' && this.me === NOBODY;
    if (item === undefined || isHidden) refuse(response, 404, 'unknown_item');
    else if (plays) json(response, { grant: 'g', expires_in_s: 21_600, nodes: this.nodes.map(({ url }) => url) });
    else json(response, item.record);
  }

  #signOut(response: ServerResponse): void {
    this.me = NOBODY;
    response.writeHead(204).end();
  }

  async #lyrics(request: IncomingMessage, response: ServerResponse, itemId: string): Promise<void> {
    const { record } = this.items.get(itemId) ?? { record: undefined };
    const lrc = this.lyrics.get(itemId);
    if (record === undefined) refuse(response, 404, 'unknown_item');
    else if (request.method === 'GET') {
      response.writeHead(lrc === undefined ? 404 : 200, { 'content-type': 'text/plain; charset=utf-8' }).end(lrc);
    } else {
      if (request.method === 'PUT') {
        this.lyrics.set(itemId, await text(request));
        record.lyrics_url = `/api/library/${itemId}/lyrics`;
      } else {
        this.lyrics.delete(itemId);
        delete record.lyrics_url;
      }
      response.writeHead(204).end();
    }
  }

  async #file(response: ServerResponse, pathname: string): Promise<void> {
    const [, page] = /^\/(library|karaoke|jobs)(\/\w+)?$/.exec(pathname) ?? [];
    const name = page === undefined ? pathname.slice(1) : `${page}.html`;
    const type = TYPES[path.extname(name)];
    const bytes = type === undefined ? undefined : await readFile(path.join(DIST, name)).catch(() => undefined);
    if (bytes === undefined) {
      refuse(response, 404, 'not_found');
      return;
    }
    const isPage = name.endsWith('.html');
    const body = isPage ? bytes.toString().replaceAll('="./', '="/') : bytes;
    response.writeHead(200, {
      'content-type': type,
      'content-security-policy': POLICY,
      'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    response.end(body);
  }
}

/** The peaks of every item. */
const WAVE = {
  peak_ms: 100,
  peaks: Array.from({ length: 250 }, (_, i) => 60 + Math.round(150 * Math.sin(i / 9) ** 2)),
};

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code, message: code } }));
}
