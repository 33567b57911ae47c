// What watching needs of a connection to one node, whatever carries it: one file per transport, and one that chooses.
// Tests hand in fakes.

import type { ClockAnswer, ClockRequest, NodeEvents, Renew, Watching, WatchRequest } from '../protocol/event';
import type { LinkState, TransportName } from './connection';

/** How long a node that was reached may take to answer: it may have to fetch the stream, for up to 5 s. */
export const ANSWER_MS = 6_000;

/** A viewer's connection to one node. It connects when asked to watch. */
export interface ViewerConnection {
  /** What carries it; undefined before anything does. */
  readonly transport: TransportName | undefined;
  /** `up` while the node can be heard. */
  readonly link: LinkState;
  /**
   * Joins a stream, or goes on after the last chunk, on a connection that is made for it or again. What comes is told
   * to listeners, from before this returns.
   *
   * @throws CallError with the node's code; `unreachable` or `timeout` when it cannot be reached within `timeoutMs` or
   *   does not answer then within {@link ANSWER_MS}; `bad_answer`.
   */
  watch(request: WatchRequest, timeoutMs: number): Promise<Watching>;
  /** No more of the stream; it can be watched again. */
  leave(): Promise<void>;
  /**
   * Asks for the node's clock.
   *
   * @throws CallError `unreachable` at once when the link is or goes down, `timeout`, or the node's code.
   */
  clock(request: ClockRequest, timeoutMs?: number): Promise<ClockAnswer>;
  /** Shows the node a fresh grant for what is watched. A node that does not know this ignores it. */
  renew(request: Renew): void;
  /** Hears an event until the returned function is called. */
  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void;
  /** Hears every change of the link until the returned function is called. */
  onLink(listener: (link: LinkState) => void): () => void;
  /** Ends it for good. */
  close(): void;
}

/** Makes a connection to the node at `publicUrl`, an absolute URL or a path on the page's origin. */
export type ConnectViewer = (publicUrl: string) => ViewerConnection;
