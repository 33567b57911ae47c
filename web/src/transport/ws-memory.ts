// Remembers whether plain WebSockets work on this network, so that a hanging one costs its timeout once and not at
// every fail-over. Pure but for the given storage, which lasts as long as the tab.
//
// A node that a WebSocket cannot reach may simply be dead. So a failure counts against WebSockets only if Socket.IO
// then reaches the same node. If WebSockets have worked before, several failures are needed: a dead node is tried again
// and again until its stream has moved.

import type { Memory } from '../browser/storage';

/** How long a node counts as unreachable by WebSocket; limited, because networks change. */
const REMEMBERED_MS = 10 * 60_000;
/** WebSockets that have worked are doubted after so many failures over so long. */
const DOUBTED_AFTER = { failures: 3, ms: 6_000 };
const KEY = 'undead.without-ws';

/** Counts successes and failures of WebSockets. */
export class WsMemory {
  readonly #storage: Pick<Memory, 'getItem' | 'setItem'>;
  readonly #now: () => number;
  #everServed = false;
  #failuresInARow = 0;
  /** When the first of these failures happened. */
  #failingSinceMs = 0;

  constructor(storage: Pick<Memory, 'getItem' | 'setItem'>, now: () => number = Date.now) {
    this.#storage = storage;
    this.#now = now;
  }

  /**
   * Whether to begin with a WebSocket at `node`. If WebSockets failed at one node and never worked anywhere, other
   * nodes are assumed to fail too.
   */
  worthTrying(node: string): boolean {
    const without = this.#without();
    if (without.has(node)) return false;
    return this.#everServed || without.size === 0;
  }

  /** Whether any WebSocket ever delivered a message. */
  get everServed(): boolean {
    return this.#everServed;
  }

  /** Records that a WebSocket delivered a message. */
  served(): void {
    this.#everServed = true;
    this.#failuresInARow = 0;
  }

  /**
   * Records that a WebSocket failed before its first message. Returns whether to test if Socket.IO reaches the node.
   */
  failed(): boolean {
    if (this.#failuresInARow++ === 0) this.#failingSinceMs = this.#now();
    const failingMs = this.#now() - this.#failingSinceMs;
    const doubted = this.#failuresInARow >= DOUBTED_AFTER.failures && failingMs >= DOUBTED_AFTER.ms;
    return doubted || !this.#everServed;
  }

  /** Records that Socket.IO reached `node` where a WebSocket failed. */
  doesNotPass(node: string): void {
    const without = this.#without().set(node, this.#now() + REMEMBERED_MS);
    this.#storage.setItem(KEY, JSON.stringify([...without]));
  }

  /** Nodes to reach without WebSockets, and until when. */
  #without(): Map<string, number> {
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(KEY) ?? '[]');
      const entries = Array.isArray(kept) ? kept.filter(isEntry) : [];
      return new Map(entries.filter(([, untilMs]) => untilMs > this.#now()));
    } catch {
      return new Map();
    }
  }
}

function isEntry(value: unknown): value is [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number';
}
