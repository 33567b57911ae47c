// Where an item's media is, and the grant to read it, renewed well before it expires. Out of reach of the main server, what this
// browser keeps of the item can be played all the same: its address is then a place on the site itself, which the service worker
// answers for. No DOM.

import { asCallError } from '../protocol/error';
import type { ItemId, Playable, PlayItem } from '../protocol/item';

/** When in its life a grant is renewed. */
const RENEWED_AT = 0.5;
/** Until the next try after one that failed. */
const AGAIN_MS = 30_000;

/** What access works with. */
export interface AccessSetup {
  play(id: ItemId, body: PlayItem): Promise<Playable>;
  itemId: ItemId;
  /** Where the media is below the address of a node; that of an item of the library if left out. */
  path?: string;
  /** How the person was let in: a passphrase or an invitation. */
  body?: PlayItem;
  /** The site's own address, below which what is kept is answered for. */
  keptBase: string;
  /** Addresses in answers may be paths on the main server's origin. */
  origin: string;
  /** A clock that never jumps, in ms. */
  now?: () => number;
}

/** See the head of the file. */
export class ItemAccess {
  readonly itemId: ItemId;
  readonly #setup: AccessSetup;
  readonly #now: () => number;
  #playable: Playable | undefined;
  #dueMs = Infinity;
  #asking: Promise<void> | undefined;
  /** The nodes that failed last, at the end of the list. */
  #failed: string[] = [];

  constructor(setup: AccessSetup) {
    this.itemId = setup.itemId;
    this.#setup = setup;
    this.#now = setup.now ?? (() => performance.now());
  }

  /** Shows that this person was let in; undefined while offline. */
  get grant(): string | undefined {
    return this.#playable?.grant;
  }

  /** Whether the main server could not be asked yet: only what this browser keeps can be had. */
  get isOffline(): boolean {
    return this.#playable === undefined;
  }

  /**
   * Asks the main server. Where it cannot be reached, the item is offline, or goes on with the nodes that are known.
   *
   * @throws CallError where it refuses.
   */
  async open(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  /** Renews the grant in the background once that is due. */
  renewIfDue(): void {
    if (this.#now() < this.#dueMs) return;
    this.#dueMs = this.#now() + AGAIN_MS;
    // A refusal shows where a node refuses the old grant.
    this.open().catch(() => undefined);
  }

  /** Addresses below which the item's `manifest` and `blobs` are, first choice first. */
  get places(): string[] {
    if (this.#playable === undefined) return [this.keptPlace];
    const nodes = this.#playable.nodes.map((node) => new URL(node, this.#setup.origin).href.replace(/\/+$/, ''));
    const rest = nodes.filter((node) => !this.#failed.includes(node));
    return [...rest, ...this.#failed.filter((node) => nodes.includes(node))].map((node) => this.#below(node));
  }

  /** Where this browser answers with what it keeps of the item. */
  get keptPlace(): string {
    return this.#below(this.#setup.keptBase);
  }

  /** The address of what is at `path` below a place, with the grant. */
  address(place: string, path: string): string {
    return this.#playable === undefined || place === this.keptPlace
      ? `${place}/${path}`
      : `${place}/${path}?grant=${encodeURIComponent(this.#playable.grant)}`;
  }

  /** The node of this place failed: others are tried first from now on. */
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
