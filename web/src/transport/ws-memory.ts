// Whether plain WebSockets work from here, as far as experience goes, so that one that does not pass costs its waiting
// time once and not at every fail-over. Pure but for the storage handed in, which lasts as long as the tab.
//
// A node that cannot be reached by WebSocket may be dead just as well. So a failure counts against WebSockets only when
// Socket.IO then gets through to the same node, and where they have served before, it takes a while to doubt them: a node
// that died is asked for again and again until its stream is at another one.

import type { Memory } from '../browser/storage';

/** How long it is remembered that WebSockets do not reach a node: networks change. */
const REMEMBERED_MS = 10 * 60_000;
/** WebSockets that have served are doubted after failing this often, for so long. */
const DOUBTED_AFTER = { failures: 3, ms: 6_000 };
const KEY = 'undead.without-ws';

/** See the head of the file. */
export class WsMemory {
  readonly #storage: Pick<Memory, 'getItem' | 'setItem'>;
  readonly #now: () => number;
  #everServed = false;
  #failuresInARow = 0;
  /** When the first of them was. */
  #failingSinceMs = 0;

  constructor(storage: Pick<Memory, 'getItem' | 'setItem'>, now: () => number = Date.now) {
    this.#storage = storage;
    this.#now = now;
  }

  /** Whether to begin with a WebSocket at `node`. What stops it at one node and never passed, will stop it at others. */
  worthTrying(node: string): boolean {
    const without = this.#without();
    if (without.has(node)) return false;
    return this.#everServed || without.size === 0;
  }

  /** Whether a WebSocket ever was opened and heard. */
  get everServed(): boolean {
    return this.#everServed;
  }

  /** A WebSocket was opened and heard. */
  served(): void {
    this.#everServed = true;
    this.#failuresInARow = 0;
  }

  /** A WebSocket could not be opened, or died before its first message. True: see whether Socket.IO gets through. */
  failed(): boolean {
    if (this.#failuresInARow++ === 0) this.#failingSinceMs = this.#now();
    const failingMs = this.#now() - this.#failingSinceMs;
    const doubted = this.#failuresInARow >= DOUBTED_AFTER.failures && failingMs >= DOUBTED_AFTER.ms;
    return doubted || !this.#everServed;
  }

  /** Socket.IO got through to `node` where a WebSocket had not. */
  doesNotPass(node: string): void {
    const without = this.#without().set(node, this.#now() + REMEMBERED_MS);
    this.#storage.setItem(KEY, JSON.stringify([...without]));
  }

  /** Nodes that are reached without WebSockets, and until when to believe it. */
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
