// A connection to one node on which events are sent and acked: what publishing needs, and watching where WebSockets do
// not pass. Tests hand in fakes.

import type { NodeCalls, NodeEvents } from '../protocol/event';

/**
 * How a connection is doing. `down`: lost or not yet made, and being made; `unreachable`: that has just failed. It may come back
 * by itself until closed.
 */
export type LinkState = 'up' | 'down' | 'unreachable';

/** What carries a connection: a plain WebSocket, Socket.IO on one, or Socket.IO by long polling. */
export type TransportName = 'ws' | 'socketio' | 'polling';

/** A connection to one node that reconnects by itself. */
export interface NodeConnection {
  readonly link: LinkState;
  readonly transport: TransportName;
  /**
   * Sends one event and waits for its ack.
   *
   * @throws CallError with the node's code, or `unreachable` at once when the link is or goes down, or `timeout`.
   */
  call<E extends keyof NodeCalls>(event: E, payload: NodeCalls[E][0], timeoutMs?: number): Promise<NodeCalls[E][1]>;
  /** Hears an event until the returned function is called. */
  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void;
  /** Hears every change of the link until the returned function is called. */
  onLink(listener: (link: LinkState) => void): () => void;
  /** Ends it for good. */
  close(): void;
}

/** Starts connecting to the node at `publicUrl`, an absolute URL or a path on the page's origin. */
export type Connect = (publicUrl: string) => NodeConnection;
