// A node connection over Socket.IO (WebSocket first, long polling where that fails). Reconnects by itself with growing,
// jittered pauses until closed. Calls never wait for a link that is down.

import { io, type Socket } from 'socket.io-client';
import { CallError, refusal, wireError } from '../protocol/error';
import type { NodeCalls, NodeEvents } from '../protocol/event';
import type { Connect, LinkState, NodeConnection, TransportName } from './connection';

/** How long a call waits for its ack by default. */
const CALL_TIMEOUT_MS = 5_000;
/** Limit of one attempt to connect: short enough to try polling while the caller still waits. */
const CONNECT_TIMEOUT_MS = 2_000;
/** How long to use polling for a node to which a WebSocket hung; limited, because networks change. */
const POLLED_MS = 5 * 60_000;
/** Nodes that are polled, and until when. */
const polled = new Map<string, number>();
/** First and longest pause between attempts; each is randomised to 50 to 150 %. */
const RECONNECT_MS = { first: 20, longest: 3_000 };

/** Connects to the node at `publicUrl`, an absolute URL or a path on the page's origin. */
export const connect: Connect = (publicUrl) => {
  const hangs = Date.now() < (polled.get(publicUrl) ?? 0);
  return new SocketIoConnection(publicUrl, hangs ? ['polling'] : ['websocket', 'polling']);
};

/** Connects by long polling alone. */
export const connectPolling: Connect = (publicUrl) => new SocketIoConnection(publicUrl, ['polling']);

/** Where Socket.IO connects for a node's public URL: its origin, and the path of the handshake. */
export function socketAddress(publicUrl: string, base: string): { origin: string; path: string } {
  const url = new URL(publicUrl, base);
  return { origin: url.origin, path: `${url.pathname.replace(/\/+$/, '')}/socket.io/` };
}

class SocketIoConnection implements NodeConnection {
  readonly #socket: Socket;
  readonly #linkListeners = new Set<(link: LinkState) => void>();
  /** Rejects the pending calls when the link goes down. */
  readonly #pending = new Set<(error: CallError) => void>();
  /** Engine.IO's name of the current transport. */
  #carrier = '';
  /** Whether the last attempt to connect failed. */
  #failed = false;

  constructor(publicUrl: string, transports: ('websocket' | 'polling')[]) {
    const { origin, path } = socketAddress(publicUrl, location.href);
    this.#socket = io(origin, {
      path,
      transports,
      tryAllTransports: true,
      forceNew: true,
      timeout: CONNECT_TIMEOUT_MS,
      reconnectionDelay: RECONNECT_MS.first,
      reconnectionDelayMax: RECONNECT_MS.longest,
      randomizationFactor: 0.5,
    });
    this.#socket.on('connect', () => {
      this.#carrier = this.#socket.io.engine.transport.name;
      this.#failed = false;
      this.#tellLink('up');
    });
    let mayHang = transports.includes('websocket');
    this.#socket.on('connect_error', ({ message }) => {
      // After a refused WebSocket the library tries polling at once. A hanging one shows only as this timeout. Polling
      // must not run next to a hanging WebSocket, because the node would hold the session's messages back for it.
      if (mayHang && message === 'timeout') {
        mayHang = false;
        polled.set(publicUrl, Date.now() + POLLED_MS);
        this.#socket.io.opts.transports = ['polling'];
        return;
      }
      this.#failed = true;
      this.#tellLink('unreachable');
    });
    this.#socket.on('disconnect', (reason) => {
      this.#failPending();
      this.#tellLink('down');
      // After a disconnect by the node, Socket.IO does not reconnect by itself.
      if (reason === 'io server disconnect') this.#socket.connect();
    });
  }

  get link(): LinkState {
    if (this.#socket.connected) return 'up';
    return this.#failed ? 'unreachable' : 'down';
  }

  get transport(): TransportName {
    return this.#carrier === 'polling' ? 'polling' : 'socketio';
  }

  call<E extends keyof NodeCalls>(
    event: E,
    payload: NodeCalls[E][0],
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<NodeCalls[E][1]> {
    return new Promise((resolve, reject) => {
      if (!this.#socket.connected) {
        reject(linkDown(event));
        return;
      }
      const settle = (): void => {
        clearTimeout(timer);
        this.#pending.delete(fail);
      };
      const fail = (error: CallError): void => {
        settle();
        reject(error);
      };
      const timer = setTimeout(() => {
        fail(new CallError('timeout', `the node did not answer ${event} within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.add(fail);
      this.#socket.emit(event, payload, (ack: unknown) => {
        settle();
        const answer = accepted(ack);
        if (answer instanceof CallError) reject(answer);
        else resolve(answer);
      });
    });
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    const heard = (payload: unknown): void => listener(payload as NodeEvents[E]);
    // The type is widened because Socket.IO's types cannot follow a generic name.
    const name: string = event;
    this.#socket.on(name, heard);
    return () => this.#socket.off(name, heard);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    this.#linkListeners.add(listener);
    return () => this.#linkListeners.delete(listener);
  }

  close(): void {
    this.#linkListeners.clear();
    this.#socket.removeAllListeners();
    this.#socket.disconnect();
    this.#failPending();
  }

  #tellLink(link: LinkState): void {
    for (const listener of [...this.#linkListeners]) listener(link);
  }

  #failPending(): void {
    for (const fail of [...this.#pending]) fail(linkDown('the call'));
  }
}

function linkDown(what: string): CallError {
  return new CallError('unreachable', `the connection to the node is down, so ${what} did not get through`);
}

/** The content of an ack, or a {@link CallError} with the node's refusal. */
export function accepted(ack: unknown): object {
  if (typeof ack === 'object' && ack !== null && 'ok' in ack && ack.ok === true) return ack;
  const error = wireError(ack);
  return error ? refusal(error) : new CallError('bad_answer', 'the node gave no usable ack');
}
