// Watches over a WebSocket if one works, else over Socket.IO. The switch happens inside a call of `watch`, so callers
// notice only the name of the transport.

import { CallError } from '../protocol/error';
import type { ClockAnswer, ClockRequest, NodeEvents, Renew, Watching, WatchRequest } from '../protocol/event';
import type { LinkState, TransportName } from './connection';
import { Listeners } from './listeners';
import type { ConnectViewer, ViewerConnection } from './viewer';
import type { WsMemory } from './ws-memory';

/** Limit for the first message of a page's first WebSocket; then Socket.IO is tried. */
const WS_TIMEOUT_MS = 2_500;
/** Errors that do not prove that the connection works. */
const NOT_THROUGH: readonly string[] = ['unreachable', 'timeout', 'bad_answer'];

/** The transports that {@link WsFirstViewer} chooses from. */
export interface Transports {
  ws: ConnectViewer;
  socketIo: ConnectViewer;
  memory: WsMemory;
}

/** A viewer's connection that chooses its transport. */
export class WsFirstViewer implements ViewerConnection {
  readonly #publicUrl: string;
  readonly #transports: Transports;
  readonly #listeners = new Listeners();
  #current: ViewerConnection | undefined;
  #onWs = false;
  #closed = false;

  constructor(publicUrl: string, transports: Transports) {
    this.#publicUrl = publicUrl;
    this.#transports = transports;
  }

  get transport(): TransportName | undefined {
    return this.#current?.transport;
  }

  get link(): LinkState {
    return this.#current?.link ?? 'down';
  }

  async watch(request: WatchRequest, timeoutMs: number): Promise<Watching> {
    const { memory, ws, socketIo } = this.#transports;
    this.#onWs = this.#current === undefined ? memory.worthTrying(this.#publicUrl) : this.#onWs;
    const current = (this.#current ??= this.#use(this.#onWs ? ws : socketIo));
    if (!this.#onWs) return current.watch(request, timeoutMs);
    // If WebSockets are known to work, a silent node is not their fault.
    const giveUp = memory.everServed ? undefined : setTimeout(() => void current.leave(), WS_TIMEOUT_MS);
    try {
      const watching = await current.watch(request, Math.min(timeoutMs, WS_TIMEOUT_MS));
      memory.served();
      return watching;
    } catch (error) {
      if (gotThrough(error)) memory.served();
      if (gotThrough(error) || !memory.failed() || this.#closed) throw error;
    } finally {
      clearTimeout(giveUp);
    }
    current.close();
    this.#onWs = false;
    return await this.#watchWithoutWs((this.#current = this.#use(socketIo)), request, timeoutMs);
  }

  async leave(): Promise<void> {
    await this.#current?.leave();
  }

  clock(request: ClockRequest, timeoutMs?: number): Promise<ClockAnswer> {
    if (this.#current) return this.#current.clock(request, timeoutMs);
    return Promise.reject(new CallError('unreachable', 'nothing is watched here yet'));
  }

  renew(request: Renew): void {
    this.#current?.renew(request);
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    return this.#listeners.onLink(listener);
  }

  close(): void {
    this.#closed = true;
    this.#current?.close();
  }

  async #watchWithoutWs(over: ViewerConnection, request: WatchRequest, timeoutMs: number): Promise<Watching> {
    try {
      const watching = await over.watch(request, timeoutMs);
      this.#transports.memory.doesNotPass(this.#publicUrl);
      return watching;
    } catch (error) {
      if (gotThrough(error)) this.#transports.memory.doesNotPass(this.#publicUrl);
      throw error;
    }
  }

  #use(connect: ConnectViewer): ViewerConnection {
    const connection = connect(this.#publicUrl);
    connection.on('streaming_data', (payload) => this.#listeners.tell('streaming_data', payload));
    connection.on('skipped', (payload) => this.#listeners.tell('skipped', payload));
    connection.on('stream_state', (payload) => this.#listeners.tell('stream_state', payload));
    connection.on('stream_moved', (payload) => this.#listeners.tell('stream_moved', payload));
    connection.on('stream_dropped', (payload) => this.#listeners.tell('stream_dropped', payload));
    connection.on('renew_grant', (payload) => this.#listeners.tell('renew_grant', payload));
    connection.onLink((link) => this.#listeners.tellLink(link));
    return connection;
  }
}

/** Whether an error came from the node itself. */
function gotThrough(error: unknown): boolean {
  return error instanceof CallError && !NOT_THROUGH.includes(error.code);
}
