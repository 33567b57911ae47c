// The publish grant and its nodes, first choice first. The grant is renewed long before it expires, without disturbing
// the running session. After a loss the main server names other nodes; if it cannot, the standbys move up.

import type { Assignment, AskForNodes, NodeAddress } from '../protocol/stream';

/** Dependencies and callbacks of assigned nodes. */
export interface AssignedNodesSetup {
  /** The first assignment from the main server. */
  assignment: Assignment;
  /** Requests nodes and a fresh grant from the main server. */
  askForNodes(grant: string, ask: AskForNodes): Promise<Assignment>;
  /** The main server issued a fresh grant. */
  onAssignment(assignment: Assignment): void;
  /** Sends the fresh grant to the node in use. */
  onRenewed(grant: string): void;
  now: () => number;
  /**
   * Interval between renewals, varied by up to a quarter; pause after a failed one; longest pause after the node asked
   * for one.
   */
  timing: { renewMs: number; renewAgainMs: number; renewSoonMs: number };
}

/** Keeps the grant fresh and chooses the node. */
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

  /** Renews the grant in the background when it is due. A failed renewal is repeated. */
  renewWhenDue(): void {
    const nowMs = this.#setup.now();
    if (nowMs < this.#renewAtMs) return;
    this.#renewAtMs = nowMs + this.#setup.timing.renewAgainMs;
    // A failure does not matter yet: the grant is valid for hours, and a node's refusal triggers another try.
    this.renew().catch(() => undefined);
  }

  /** Renews at a random time soon, because the node asks many broadcasters at once. */
  renewSoon(): void {
    const { now, timing } = this.#setup;
    this.#renewAtMs = Math.min(this.#renewAtMs, now() + Math.random() * timing.renewSoonMs);
  }

  /**
   * Gets a fresh grant and new standbys. The node in use stays first.
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
   * Gets nodes to continue on after `lost`.
   *
   * @throws CallError when the main server names none; the standbys have moved up by then.
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

  /** Random, so that broadcasters who began together do not renew together. */
  #nextMs(): number {
    const { now, timing } = this.#setup;
    return now() + timing.renewMs * (0.75 + Math.random() / 2);
  }
}
