// A connection to one node that sends events and receives acks. Publishing uses it, and watching where WebSockets do
// not work. Tests pass fakes.

import type { NodeCalls, NodeEvents } from '../protocol/event';

/**
 * State of a connection. `down`: lost or not yet made, but connecting; `unreachable`: the last attempt failed. It may
 * recover by itself until it is closed.
 */
export type LinkState = 'up' | 'down' | 'unreachable';

/** The transport of a connection: a plain WebSocket, Socket.IO on one, or Socket.IO by long polling. */
export type TransportName = 'ws' | 'socketio' | 'polling';

/** A connection to one node that reconnects by itself. */
export interface NodeConnection {
  readonly link: LinkState;
  readonly transport: TransportName;
  /**
   * Sends one event and waits for its ack.
   *
   * @throws CallError with the node's code; `unreachable` at once when the link is or goes down; `timeout`.
   */
  call<E extends keyof NodeCalls>(event: E, payload: NodeCalls[E][0], timeoutMs?: number): Promise<NodeCalls[E][1]>;
  /** Calls `listener` for an event until the returned function is called. */
  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void;
  /** Calls `listener` at every change of the link until the returned function is called. */
  onLink(listener: (link: LinkState) => void): () => void;
  /** Closes the connection permanently. */
  close(): void;
}

/** Starts connecting to the node at `publicUrl`, an absolute URL or a path on the page's origin. */
export type Connect = (publicUrl: string) => NodeConnection;
