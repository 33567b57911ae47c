// What watching needs from a connection to one node. Each transport implements it in a file of its own, and one file
// chooses. Tests pass fakes.

import type { ClockAnswer, ClockRequest, NodeEvents, Renew, Watching, WatchRequest } from '../protocol/event';
import type { LinkState, TransportName } from './connection';

/** How long a connected node may take to answer: it may have to fetch the stream, for up to 5 s. */
export const ANSWER_MS = 6_000;

/** A viewer's connection to one node. It connects on the first call of `watch`. */
export interface ViewerConnection {
  /** The transport in use; undefined before the connection exists. */
  readonly transport: TransportName | undefined;
  /** `up` while the node can be heard. */
  readonly link: LinkState;
  /**
   * Joins a stream, or continues after the last chunk. Opens a connection, or reopens it. Listeners receive events even
   * before this returns.
   *
   * @throws CallError with the node's code; `unreachable` or `timeout` when the node cannot be reached within
   * `timeoutMs` or does not answer within {@link ANSWER_MS} after that; `bad_answer`.
   */
  watch(request: WatchRequest, timeoutMs: number): Promise<Watching>;
  /** Stops receiving the stream; it can be watched again. */
  leave(): Promise<void>;
  /**
   * Asks for the node's clock.
   *
   * @throws CallError `unreachable` at once when the link is or goes down, `timeout`, or the node's code.
   */
  clock(request: ClockRequest, timeoutMs?: number): Promise<ClockAnswer>;
  /** Sends the node a fresh grant for the watched stream. Nodes that do not know this event ignore it. */
  renew(request: Renew): void;
  /** Calls `listener` for an event until the returned function is called. */
  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void;
  /** Calls `listener` at every change of the link until the returned function is called. */
  onLink(listener: (link: LinkState) => void): () => void;
  /** Closes the connection permanently. */
  close(): void;
}

/** Creates a connection to the node at `publicUrl`, an absolute URL or a path on the page's origin. */
export type ConnectViewer = (publicUrl: string) => ViewerConnection;
