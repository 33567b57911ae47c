// Watching over a plain WebSocket: one stream, one viewer, one connection. The address says what to watch, so every
// join opens a new connection; see docs/protocol.md, section WebSocket.
//
// An unreadable message ends the connection: to continue after it would leave a gap, while joining again after the last
// chunk does not. The link is then handled like any broken one.

import { readMessage } from '../protocol/binary';
import { CallError, refusal } from '../protocol/error';
import type { ClockAnswer, ClockRequest, NodeEvents, Renew, Watching, WatchRequest } from '../protocol/event';
import { clockMessage, readEvent, renewMessage, type WsEvent } from '../protocol/text';
import type { LinkState } from './connection';
import { Listeners } from './listeners';
import { ANSWER_MS, type ViewerConnection } from './viewer';

/** How long a clock request waits by default. */
const CALL_TIMEOUT_MS = 5_000;
/** The node shuts down (RFC 6455, section 7.4.1), so reconnecting is pointless. */
const GOING_AWAY = 1001;

/** The part of a WebSocket that is used. */
export type Socket = Pick<WebSocket, 'binaryType' | 'send' | 'close' | 'addEventListener'>;

/** The WebSocket address at a node's public URL, with the request as a query. */
export function watchAddress(publicUrl: string, base: string, request: WatchRequest): string {
  const { stream_id, grant, after, format } = request;
  const url = new URL(publicUrl, base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/ws/${encodeURIComponent(stream_id)}`;
  if (grant !== undefined) url.searchParams.set('grant', grant);
  if (after !== undefined) url.searchParams.set('after', `${after.take}.${after.group}.${after.index}`);
  if (format !== undefined) url.searchParams.set('format', format);
  return url.href;
}

/** A viewer's connection over a plain WebSocket. */
export class WsViewer implements ViewerConnection {
  readonly transport = 'ws';
  readonly #publicUrl: string;
  readonly #open: (url: string) => Socket;
  readonly #listeners = new Listeners();
  /** Pending clock requests, by `t0_ms`. */
  readonly #asked = new Map<number, (answer: ClockAnswer | CallError) => void>();
  #join: Join | undefined;
  #nodeStops = false;
  #closed = false;

  /** `open` creates the sockets: the browser's unless a test passes its own. */
  constructor(publicUrl: string, open: (url: string) => Socket = (url) => new WebSocket(url)) {
    this.#publicUrl = publicUrl;
    this.#open = open;
  }

  get link(): LinkState {
    return this.#join?.joined === true ? 'up' : 'down';
  }

  watch(request: WatchRequest, timeoutMs: number): Promise<Watching> {
    return this.#joinStream(request, timeoutMs);
  }

  leave(): Promise<void> {
    this.#drop();
    return Promise.resolve();
  }

  clock(request: ClockRequest, timeoutMs = CALL_TIMEOUT_MS): Promise<ClockAnswer> {
    return new Promise((resolve, reject) => {
      const join = this.#join;
      if (join?.joined !== true) {
        reject(linkDown('the question for its clock'));
        return;
      }
      const settle = (answer: ClockAnswer | CallError): void => {
        clearTimeout(timer);
        this.#asked.delete(request.t0_ms);
        if (answer instanceof CallError) reject(answer);
        else resolve(answer);
      };
      const timer = setTimeout(() => {
        settle(new CallError('timeout', `the node did not tell its clock within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#asked.set(request.t0_ms, settle);
      join.socket.send(clockMessage(request));
    });
  }

  renew(request: Renew): void {
    if (this.#join?.joined === true) this.#join.socket.send(renewMessage(request));
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    return this.#listeners.onLink(listener);
  }

  close(): void {
    this.#closed = true;
    this.#end(this.#join, linkDown('joining'), false);
  }

  /** Opens a socket within `timeoutMs` and waits for its first message. */
  #joinStream(request: WatchRequest, timeoutMs: number): Promise<Watching> {
    this.#drop();
    return new Promise((resolve, reject) => {
      if (this.#closed || this.#nodeStops) {
        reject(linkDown('joining'));
        return;
      }
      const socket = this.#socket(request);
      if (socket instanceof CallError) {
        reject(socket);
        return;
      }
      const join: Join = { socket, streamId: request.stream_id, joined: false, refuse: reject, welcome: resolve };
      this.#join = join;
      const expect = (what: string, withinMs: number): void => {
        clearTimeout(join.timer);
        const late = new CallError('timeout', `the node did not ${what} within ${Math.round(withinMs)} ms`);
        join.timer = setTimeout(() => this.#end(join, late), withinMs);
      };
      expect('take the connection', timeoutMs);
      socket.addEventListener('open', () => {
        if (this.#join === join) expect('answer', ANSWER_MS);
      });
      socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => this.#receive(join, data));
      socket.addEventListener('close', ({ code }) => {
        if (code === GOING_AWAY && this.#join === join) this.#nodeStops = true;
        this.#end(join, linkDown('joining'));
      });
    });
  }

  #socket(request: WatchRequest): Socket | CallError {
    try {
      const socket = this.#open(watchAddress(this.#publicUrl, location.href, request));
      socket.binaryType = 'arraybuffer';
      return socket;
    } catch (cause) {
      return new CallError('unreachable', 'the browser allows no WebSocket to this node', { cause });
    }
  }

  #receive(join: Join, data: unknown): void {
    if (this.#join !== join) return;
    const read = data instanceof ArrayBuffer ? readMessage(join.streamId, data) : readEvent(String(data));
    if (read instanceof CallError) this.#end(join, read);
    else if (read === undefined) return;
    else if ('kind' in read) this.#listeners.tell('streaming_data', read);
    else this.#hear(join, read);
  }

  #hear(join: Join, { event, payload }: WsEvent): void {
    const stream_id = join.streamId;
    switch (event) {
      case 'watching':
        this.#welcome(join, payload);
        break;
      case 'error':
        if (join.joined && payload.code === 'stream_dropped') this.#listeners.tell('stream_dropped', { stream_id });
        this.#end(join, refusal(payload));
        break;
      case 'clock':
        this.#asked.get(payload.t0_ms)?.(payload);
        break;
      case 'skipped':
        this.#listeners.tell(event, { ...payload, stream_id });
        break;
      case 'stream_state':
        this.#listeners.tell(event, { ...payload, stream_id });
        break;
      case 'stream_moved':
        this.#listeners.tell(event, { ...payload, stream_id });
        break;
      case 'renew_grant':
        this.#listeners.tell(event, payload);
        break;
    }
  }

  #welcome(join: Join, watching: Watching): void {
    if (join.joined) return;
    clearTimeout(join.timer);
    join.joined = true;
    join.welcome(watching);
    this.#listeners.tellLink('up');
  }

  /** Leaves the current join without telling listeners, because the caller asked for it. */
  #drop(): void {
    this.#end(this.#join, linkDown('joining'), false);
  }

  /** Closes a socket because of `why`. */
  #end(join: Join | undefined, why: CallError, tell = true): void {
    if (join === undefined || this.#join !== join) return;
    this.#join = undefined;
    clearTimeout(join.timer);
    join.socket.close();
    join.refuse(why);
    for (const settle of [...this.#asked.values()]) settle(linkDown('the question for its clock'));
    if (join.joined && tell) this.#listeners.tellLink('down');
  }
}

/** One socket, from opening to closing. */
interface Join {
  readonly socket: Socket;
  readonly streamId: string;
  /** Whether the node's first message came. */
  joined: boolean;
  timer?: ReturnType<typeof setTimeout>;
  /** Both settle the same promise; later calls have no effect. */
  readonly welcome: (watching: Watching) => void;
  readonly refuse: (why: CallError) => void;
}

function linkDown(what: string): CallError {
  return new CallError('unreachable', `the connection to the node is down, so ${what} did not work`);
}
