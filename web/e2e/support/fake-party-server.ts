// A party in this process: a host's commands, events and the clock, and songs that differ for each member, so that one
// recording of all of them tells which member is heard when. It does not implement all rules of parties.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'vite';

import type { Entry, PartyState, PartyTimeline, ReportPlayback } from '../../src/protocol/party';
import { Songs, type Take } from './songs.ts';

const WEB = fileURLToPath(new URL('../../', import.meta.url));
const LEAD_MS = 400;
/** How long before its end an entry's successor is announced. */
const CLOSE_AHEAD_MS = 3_000;
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Interval of the short tones in a member's song; each member has a pitch of its own. */
export const TONE_EVERY_MS = 500;
const TONE_S = 0.03;

/** The pitches of members' tones, Hz; none is a multiple of another. */
export const PITCHES = [1_100, 1_700, 2_500, 3_700, 5_300, 7_700];

interface Song {
  entry: Entry;
  /** The takes, by member. */
  takes: Map<string, Take>;
}

/** The server of one party. */
export class FakePartyServer {
  readonly songs = new Songs();
  readonly reports = new Map<string, ReportPlayback>();
  /** Members who are told that songs are videos, and play them in media elements. */
  readonly inElements = new Set<string>();
  readonly #members: string[];
  readonly #queue: Song[] = [];
  readonly #all = new Map<string, Song>();
  /** By member. */
  readonly #listeners = new Map<ServerResponse, string>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #folder: string;
  #port = 0;
  #revision = 1;
  #timeline: PartyTimeline = { position_ms: 0, at_ms: 0, paused: true, round: 0 };
  #close: NodeJS.Timeout | undefined;

  private constructor(members: string[], folder: string) {
    this.#members = members;
    this.#folder = folder;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async open(members: string[]): Promise<FakePartyServer> {
    const folder = await mkdtemp(path.join(tmpdir(), 'undead-party-'));
    await build({
      configFile: false,
      root: path.join(WEB, 'e2e/support'),
      logLevel: 'warn',
      build: {
        outDir: folder,
        emptyOutDir: true,
        target: 'es2022',
        rolldownOptions: { input: path.join(WEB, 'e2e/support/party-page.html') },
      },
    });
    const server = new FakePartyServer(members, folder);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    const address = server.#server.address();
    if (typeof address === 'object' && address !== null) server.#port = address.port;
    return server;
  }

  async close(): Promise<void> {
    clearTimeout(this.#close);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get port(): number {
    return this.#port;
  }

  /** The page of a member; `port` is that of a proxy. */
  address(member: string, port = this.#port): string {
    return `http://127.0.0.1:${port}/party-page.html#${member}`;
  }

  /** Queues a song of so many seconds. */
  async add(title: string, seconds: number): Promise<void> {
    const id = title.padEnd(32, '0');
    const takes = new Map<string, Take>();
    for (const [place, member] of this.#members.entries()) {
      const pitch = PITCHES[place % PITCHES.length] ?? 1_000;
      const tone = `aevalsrc='0.12*sin(2*PI*${pitch}*t)*lt(mod(t\\,${TONE_EVERY_MS / 1000})\\,${TONE_S})':s=48000`;
      takes.set(member, await this.songs.make('opus', seconds, tone));
    }
    const entry = {
      entry_id: title,
      item_id: id,
      title,
      duration_ms: seconds * 1000,
      hash: id,
      added_by: 'm',
      is_video: false,
    };
    const song = { entry, takes };
    this.#queue.push(song);
    this.#all.set(id, song);
  }

  next(inMs = 1_000): void {
    this.#begin(Date.now() + inMs);
  }

  pause(): void {
    const at_ms = Date.now() + LEAD_MS;
    this.#move({ position_ms: this.#positionAt(at_ms), at_ms, paused: true });
  }

  play(): void {
    this.#move({ at_ms: Date.now() + LEAD_MS, paused: false });
  }

  seek(position_ms: number): void {
    this.#move({ position_ms, at_ms: Date.now() + LEAD_MS });
  }

  /** All connections break. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #positionAt(ms: number): number {
    const { position_ms, at_ms, paused } = this.#timeline;
    return paused ? position_ms : position_ms + ms - at_ms;
  }

  #begin(at_ms: number): void {
    const song = this.#queue.shift();
    if (song === undefined) return;
    const { entry } = song;
    this.#move({
      entry,
      item_id: entry.item_id ?? '',
      position_ms: 0,
      at_ms,
      paused: false,
      round: this.#timeline.round + 1,
    });
  }

  #move(change: Partial<PartyTimeline>): void {
    this.#timeline = { ...this.#timeline, ...change };
    this.#revision++;
    const data = { revision: this.#revision, changes: { timeline: this.#timeline } };
    for (const [response, member] of this.#listeners) this.#tell(response, member, 'changed', data);
    clearTimeout(this.#close);
    const { entry, position_ms, at_ms, paused } = this.#timeline;
    if (entry?.duration_ms === undefined || paused) return;
    const endMs = at_ms + entry.duration_ms - position_ms;
    this.#close = setTimeout(() => this.#begin(endMs), Math.max(0, endMs - CLOSE_AHEAD_MS - Date.now()));
  }

  get #state(): PartyState {
    const member = (id: string) => ({ member_id: id, name: id, hue: 0, is_present: true, joined_at_ms: 0 });
    return {
      party_id: '0123456789abcdef0123456789abcdef',
      revision: this.#revision,
      title: 'Six',
      policy: 'host',
      acting_policy: 'host',
      access: 'public',
      host: 'm',
      settings: {
        members_suggest: true,
        needs_account: false,
        on_host_loss: 'continue',
        shows_votes: true,
        skip_percent: 51,
        is_fair: false,
        keeps_entries: true,
        wait_ms: 0,
      },
      members: this.#members.map(member),
      queue: this.#queue.map(({ entry }) => entry),
      played: [],
      timeline: this.#timeline,
      chat: [],
      created_at_ms: 0,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const receivedMs = now();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const member = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const call = /^\/api\/parties\/\w+\/(\w+)$/.exec(pathname)?.[1];
    if (pathname === '/api/clock') {
      const { t0_ms } = JSON.parse(await read(request)) as { t0_ms: number };
      json(response, { t0_ms, t1_ms: receivedMs, t2_ms: now() });
    } else if (call === 'events') this.#hear(response, member);
    else if (call === 'report') {
      this.reports.set(member, JSON.parse(await read(request)) as ReportPlayback);
      response.writeHead(204).end();
    } else if (call === 'play') json(response, { grant: member, expires_in_s: 300, nodes: ['/node'] });
    else if (pathname.startsWith('/node/')) this.#media(response, pathname, searchParams.get('grant') ?? '');
    else await this.#file(response, pathname.slice(1));
  }

  #hear(response: ServerResponse, member: string): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.#tell(response, member, 'snapshot', this.#state);
    this.#listeners.set(response, member);
    response.on('close', () => this.#listeners.delete(response));
  }

  #tell(response: ServerResponse, member: string, event: string, data: object): void {
    const text = JSON.stringify(data, (key, value: unknown) =>
      key === 'is_video' ? this.inElements.has(member) : value,
    );
    response.write(`event: ${event}\ndata: ${text}\n\n`);
  }

  #media(response: ServerResponse, pathname: string, member: string): void {
    const [, itemId = '', what, hash = ''] = /^\/node\/library\/([^/]+)\/(manifest|blobs)\/?(\w*)/.exec(pathname) ?? [];
    const take = this.#all.get(itemId)?.takes.get(member);
    const blob = this.songs.blobs.get(hash);
    if (what === 'manifest' && take !== undefined) json(response, { item_id: itemId, takes: [take] });
    else if (blob !== undefined) response.writeHead(200, { 'content-length': blob.length }).end(blob);
    else {
      console.log('404', pathname, member);
      response.writeHead(404).end();
    }
  }

  async #file(response: ServerResponse, name: string): Promise<void> {
    const bytes = await readFile(path.join(this.#folder, name)).catch(() => undefined);
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': TYPES[path.extname(name)] ?? 'text/plain' }).end(bytes);
  }
}

/** More exact than `Date.now()`, which counts whole milliseconds. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
