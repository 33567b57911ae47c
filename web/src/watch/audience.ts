// How many people watch. The node tells at once of those it serves, the main server now and then of all: what others
// serve is taken to stay as it was, so that the sum follows what the node tells.

/** See the head of the file. */
export class Audience {
  #onNode: number | undefined;
  #elsewhere = 0;
  /** Of all nodes, known while this page hears nothing from its own. */
  #early: number | undefined;

  /** What the node in use tells; undefined while there is none: then what was known stays. */
  set onNode(viewers: number | undefined) {
    if (viewers === undefined && this.#onNode !== undefined) this.#early = this.total;
    this.#onNode = viewers;
    if (this.#early !== undefined && viewers !== undefined) this.everywhere = this.#early;
  }

  /** What the main server has just told. */
  set everywhere(viewers: number) {
    this.#early = this.#onNode === undefined ? viewers : undefined;
    if (this.#onNode !== undefined) this.#elsewhere = Math.max(0, viewers - this.#onNode);
  }

  /** The best that is known. */
  get total(): number {
    return this.#onNode === undefined ? (this.#early ?? 0) : this.#onNode + this.#elsewhere;
  }
}
