// How long a node was not heard. A link silent for longer than any probe takes means that this page did not run meanwhile:
// it was frozen, or the computer slept. What the link still holds is of no use then.

/** Longer than any probe takes. */
const STALE_MS = 5_000;

/** See the head of the file. */
export class Silence {
  readonly #now: () => number;
  readonly #wallNow: () => number;
  /** When the node was last heard, on both clocks. */
  #heard = { atMs: 0, wallMs: 0 };
  #stale = false;

  /** `now` is monotonic, and may stand still while the computer sleeps; `wallNow` does not. */
  constructor(now: () => number, wallNow: () => number) {
    this.#now = now;
    this.#wallNow = wallNow;
  }

  /** The node was heard. */
  hear(): void {
    this.#heard = { atMs: this.#now(), wallMs: this.#wallNow() };
  }

  /** The wall clock counts too: the other one may have stood still. */
  get forMs(): number {
    return Math.max(this.#now() - this.#heard.atMs, this.#wallNow() - this.#heard.wallMs);
  }

  /** Whether what the link holds is of no use. A call, because the compiler believes a getter unchanged across an await. */
  isStale(): boolean {
    return this.#stale || this.forMs > STALE_MS;
  }

  /** It is, until {@link freshen}, whatever is heard meanwhile. */
  markStale(): void {
    this.#stale = true;
  }

  /** The stream is joined anew. */
  freshen(): void {
    this.#stale = false;
  }
}
