// How long the node has been silent. Silence beyond any probe means that this page did not run: it was frozen, or the
// computer slept. Data still held by the link is then stale.

/** Longer than any probe takes. */
const STALE_MS = 5_000;

/** Measures the silence of the current node. */
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

  /** The duration of the silence. Uses the wall clock too, because the other one may have stood still. */
  get forMs(): number {
    return Math.max(this.#now() - this.#heard.atMs, this.#wallNow() - this.#heard.wallMs);
  }

  /**
   * Whether the link's data is stale. A method, because the compiler assumes that a getter does not change during an
   * await.
   */
  isStale(): boolean {
    return this.#stale || this.forMs > STALE_MS;
  }

  /** Marks it stale until {@link freshen}, whatever is heard meanwhile. */
  markStale(): void {
    this.#stale = true;
  }

  /** The stream is joined again. */
  freshen(): void {
    this.#stale = false;
  }
}
