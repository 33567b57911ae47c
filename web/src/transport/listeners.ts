// Listeners for a node's events and for the state of its link, shared by all viewer connections.

import type { NodeEvents } from '../protocol/event';
import type { LinkState } from './connection';

type Heard = { [E in keyof NodeEvents]: Set<(payload: NodeEvents[E]) => void> };

/** Listeners of one connection. */
export class Listeners {
  readonly #heard: Heard = {
    streaming_data: new Set(),
    skipped: new Set(),
    stream_state: new Set(),
    stream_moved: new Set(),
    stream_dropped: new Set(),
    renew_grant: new Set(),
  };
  readonly #link = new Set<(link: LinkState) => void>();

  /** Calls `listener` for an event until the returned function is called. */
  on<E extends keyof NodeEvents>(event: E, listener: (payload: NodeEvents[E]) => void): () => void {
    this.#heard[event].add(listener);
    return () => this.#heard[event].delete(listener);
  }

  /** Calls `listener` at every change of the link until the returned function is called. */
  onLink(listener: (link: LinkState) => void): () => void {
    this.#link.add(listener);
    return () => this.#link.delete(listener);
  }

  /** Calls the listeners of `event`. */
  tell<E extends keyof NodeEvents>(event: E, payload: NodeEvents[E]): void {
    for (const listener of [...this.#heard[event]]) listener(payload);
  }

  /** Calls the listeners of the link. */
  tellLink(link: LinkState): void {
    for (const listener of [...this.#link]) listener(link);
  }
}
