// The publish grant and the nodes to use it at, first choice first. The grant is renewed long before it expires, without
// disturbing what runs; after a loss the main server names other nodes, or else the standbys move up.

import type { Assignment, AskForNodes, NodeAddress } from '../protocol/stream';

/** What assigned nodes work with. */
export interface AssignedNodesSetup {
  /** As the main server gave them first. */
  assignment: Assignment;
  /** Asks the main server for nodes again, and for a fresh grant. */
  askForNodes(grant: string, ask: AskForNodes): Promise<Assignment>;
  /** The main server gave a fresh grant. */
  onAssignment(assignment: Assignment): void;
  /** The node in use is to know the fresh grant. */
  onRenewed(grant: string): void;
  now: () => number;
  /** Between renewals, give or take a quarter; after one that failed; and the longest pause after the node asked for one. */
  timing: { renewMs: number; renewAgainMs: number; renewSoonMs: number };
}

/** See the head of the file. */
export class AssignedNodes {
  readonly #setup: AssignedNodesSetup;
  #assignment: Assignment;
  #renewAtMs: number;

  constructor(setup: AssignedNodesSetup) {
    this.#setup = setup;
    this.#assignment = setup.assignment;
    this.#renewAtMs = this.#nextMs();
  }

  /** The newest grant. */
  get grant(): string {
    return this.#assignment.grant;
  }

  /** The node to use. */
  get first(): NodeAddress | undefined {
    return this.#assignment.nodes[0];
  }

  /** Renews the grant in the background once that is due; a renewal that failed is repeated. */
  renewWhenDue(): void {
    const nowMs = this.#setup.now();
    if (nowMs < this.#renewAtMs) return;
    this.#renewAtMs = nowMs + this.#setup.timing.renewAgainMs;
    // A failure is no problem yet: the grant has hours left, and a node that refuses it leads to another try.
    this.renew().catch(() => undefined);
  }

  /** The node asks for a fresh grant. It asks many broadcasters at once. */
  renewSoon(): void {
    const { now, timing } = this.#setup;
    this.#renewAtMs = Math.min(this.#renewAtMs, now() + Math.random() * timing.renewSoonMs);
  }

  /**
   * Gets a fresh grant and new standbys. The node in use stays the first.
   *
   * @throws CallError when the main server refuses or cannot be reached.
   */
  async renew(): Promise<void> {
    const { grant, nodes } = await this.#setup.askForNodes(this.grant, {});
    const { first } = this;
    const standbys = nodes.filter(({ public_url }) => public_url !== first?.public_url);
    this.#assign({ grant, nodes: first ? [first, ...standbys] : nodes });
    this.#setup.onRenewed(grant);
  }

  /**
   * Gets nodes to go on with after `lost`.
   *
   * @throws CallError when the main server names none; the standbys have moved up then.
   */
  async replace(lost: NodeAddress | undefined): Promise<void> {
    try {
      this.#assign(await this.#setup.askForNodes(this.grant, { avoid: lost ? [lost.public_url] : [] }));
    } catch (error) {
      const [first, ...standbys] = this.#assignment.nodes;
      if (first) this.#assignment = { ...this.#assignment, nodes: [...standbys, first] };
      throw error;
    }
  }

  #assign(assignment: Assignment): void {
    this.#assignment = assignment;
    this.#renewAtMs = this.#nextMs();
    this.#setup.onAssignment(assignment);
  }

  /** Broadcasters who began together do not ask together. */
  #nextMs(): number {
    const { now, timing } = this.#setup;
    return now() + timing.renewMs * (0.75 + Math.random() / 2);
  }
}
