// The addresses of an item's media, and the grant to read it, renewed long before it expires. If the main server is
// unreachable, the fragments stored in this browser can still be played: their address is a path on the site itself,
// which the service worker answers. No DOM.

import { asCallError } from '../protocol/error';
import type { ItemId, Playable, PlayItem } from '../protocol/item';

/** Share of its lifetime after which a grant is renewed. */
const RENEWED_AT = 0.5;
/** Pause after a failed renewal. */
const AGAIN_MS = 30_000;

/** Dependencies of access. */
export interface AccessSetup {
  play(id: ItemId, body: PlayItem): Promise<Playable>;
  itemId: ItemId;
  /** Path of the media below the address of a node; by default that of a library item. */
  path?: string;
  /** The passphrase or invitation of the person. */
  body?: PlayItem;
  /** The site's own address, below which the service worker answers from storage. */
  keptBase: string;
  /** The main server's origin, to resolve paths in answers. */
  origin: string;
  /** A monotonic clock, ms. */
  now?: () => number;
}

/** The access to one item. */
export class ItemAccess {
  readonly itemId: ItemId;
  readonly #setup: AccessSetup;
  readonly #now: () => number;
  #playable: Playable | undefined;
  #dueMs = Infinity;
  #asking: Promise<void> | undefined;
  /** The nodes that failed, to be tried last. */
  #failed: string[] = [];

  constructor(setup: AccessSetup) {
    this.itemId = setup.itemId;
    this.#setup = setup;
    this.#now = setup.now ?? (() => performance.now());
  }

  /** The grant for the nodes; undefined while offline. */
  get grant(): string | undefined {
    return this.#playable?.grant;
  }

  /** Whether the main server was never reached, so that only stored fragments are available. */
  get isOffline(): boolean {
    return this.#playable === undefined;
  }

  /**
   * Asks the main server. If it is unreachable, the item is offline, or continues with the known nodes.
   *
   * @throws CallError if the server refuses.
   */
  async open(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  /** Renews the grant in the background if that is due. */
  renewIfDue(): void {
    if (this.#now() < this.#dueMs) return;
    this.#dueMs = this.#now() + AGAIN_MS;
    // A refusal shows later, when a node refuses the old grant.
    this.open().catch(() => undefined);
  }

  /** Addresses below which the item's `manifest` and `blobs` are, first choice first. */
  get places(): string[] {
    if (this.#playable === undefined) return [this.keptPlace];
    const nodes = this.#playable.nodes.map((node) => new URL(node, this.#setup.origin).href.replace(/\/+$/, ''));
    const rest = nodes.filter((node) => !this.#failed.includes(node));
    return [...rest, ...this.#failed.filter((node) => nodes.includes(node))].map((node) => this.#below(node));
  }

  /** The address at which the service worker answers from storage. */
  get keptPlace(): string {
    return this.#below(this.#setup.keptBase);
  }

  /** The address of `path` below a place, with the grant. */
  address(place: string, path: string): string {
    return this.#playable === undefined || place === this.keptPlace
      ? `${place}/${path}`
      : `${place}/${path}?grant=${encodeURIComponent(this.#playable.grant)}`;
  }

  /** The node of this place failed: from now on it is tried last. */
  failed(place: string): void {
    const node = place.slice(0, -this.#below('').length);
    this.#failed = [...this.#failed.filter((known) => known !== node), node];
  }

  #below(base: string): string {
    return `${base}/${this.#setup.path ?? `library/${this.itemId}`}`;
  }

  async #ask(): Promise<void> {
    try {
      this.#playable = await this.#setup.play(this.itemId, this.#setup.body ?? {});
      this.#dueMs = this.#now() + this.#playable.expires_in_s * 1000 * RENEWED_AT;
    } catch (error) {
      if (!asCallError(error).transient) throw error;
      this.#dueMs = this.#now() + AGAIN_MS;
    }
  }
}
