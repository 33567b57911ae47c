// Watching over Socket.IO, which also works by long polling where WebSockets do not. The connection recovers by itself;
// this class waits for it.

import { CallError } from '../protocol/error';
import type { ClockAnswer, ClockRequest, NodeEvents, Renew, Watching, WatchRequest } from '../protocol/event';
import type { LinkState, NodeConnection, TransportName } from './connection';
import { ANSWER_MS, type ViewerConnection } from './viewer';

/** A viewer's connection over Socket.IO. */
export class SocketIoViewer implements ViewerConnection {
  readonly #connection: NodeConnection;
  /** The stream that was watched last. */
  #streamId: string | undefined;

  /** Takes ownership of `connection`. */
  constructor(connection: NodeConnection) {
    this.#connection = connection;
  }

  get transport(): TransportName {
    return this.#connection.transport;
  }

  get link(): LinkState {
    return this.#connection.link;
  }

  async watch(request: WatchRequest, timeoutMs: number): Promise<Watching> {
    this.#streamId = request.stream_id;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      await this.#linkUp(deadline - performance.now());
      try {
        return await this.#connection.call('watch_stream', request, ANSWER_MS);
      } catch (error) {
        const again = error instanceof CallError && error.code === 'unreachable' && performance.now() < deadline;
        if (!again) throw error;
      }
    }
  }

  async leave(): Promise<void> {
    if (this.#streamId === undefined || this.#connection.link !== 'up') return;
    // Without an answer the link is probably lost, which the next call will report.
    await this.#connection.call('leave_stream', { stream_id: this.#streamId }).catch(() => undefined);
  }

  clock(request: ClockRequest, timeoutMs?: number): Promise<ClockAnswer> {
    return this.#connection.call('clock', request, timeoutMs);
  }

  renew(request: Renew): void {
    this.#connection.call('renew', request).catch(() => undefined);
  }

  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    return this.#connection.on(event, listener);
  }

  onLink(listener: (link: LinkState) => void): () => void {
    return this.#connection.onLink(listener);
  }

  close(): void {
    this.#connection.close();
  }

  #linkUp(timeoutMs: number): Promise<void> {
    if (this.#connection.link === 'up') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (link: LinkState): void => {
        if (link === 'down') return;
        clearTimeout(timer);
        stop();
        if (link === 'up') resolve();
        else reject(new CallError('unreachable', 'the node cannot be reached'));
      };
      const timer = setTimeout(() => settle('unreachable'), timeoutMs);
      const stop = this.#connection.onLink(settle);
    });
  }
}
