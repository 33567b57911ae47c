// The number of viewers. The node reports its own viewers at once, the main server reports all viewers now and then. In
// between, the viewers of other nodes are assumed constant, so that the sum follows the node.

/** Estimates the number of viewers on all nodes. */
export class Audience {
  #onNode: number | undefined;
  #elsewhere = 0;
  /** Viewers on all nodes, as known while there is no report from the own node. */
  #early: number | undefined;

  /** Viewers on the node in use. Undefined while there is none; the last total then stays. */
  set onNode(viewers: number | undefined) {
    if (viewers === undefined && this.#onNode !== undefined) this.#early = this.total;
    this.#onNode = viewers;
    if (this.#early !== undefined && viewers !== undefined) this.everywhere = this.#early;
  }

  /** A new report of the main server about all nodes. */
  set everywhere(viewers: number) {
    this.#early = this.#onNode === undefined ? viewers : undefined;
    if (this.#onNode !== undefined) this.#elsewhere = Math.max(0, viewers - this.#onNode);
  }

  /** The best known number. */
  get total(): number {
    return this.#onNode === undefined ? (this.#early ?? 0) : this.#onNode + this.#elsewhere;
  }
}
