// The nodes from the last answer of the main server, and which of them failed since. Time is passed in.

import type { Assignment, NodeAddress } from '../../protocol/stream';

/** How long a silent or unreachable node is avoided if there are others. */
const DEAD_FOR_MS = 5_000;

/** The assigned nodes of one viewer. */
export class NodeList {
  readonly #onGrant: (expiresInS: number | undefined) => void;
  #assignment: Assignment | undefined;
  /** Nodes that failed since the last answer of the main server. */
  readonly #failed = new Set<string>();
  /** When nodes were last found silent or out of reach, by public URL. */
  readonly #deadSinceMs = new Map<string, number>();
  /** Whether the last answer of the main server is outdated. */
  #outdated = false;

  /** `onGrant` receives the lifetime of each new grant. */
  constructor(onGrant: (expiresInS: number | undefined) => void = () => undefined) {
    this.#onGrant = onGrant;
  }

  /** The grant for the nodes; undefined before the first assignment. */
  get grant(): string | undefined {
    return this.#assignment?.grant;
  }

  /** The node to try next; undefined when the main server must be asked. */
  next(nowMs: number): NodeAddress | undefined {
    if (this.#outdated) return undefined;
    const nodes = this.#assignment?.nodes ?? [];
    const alive = nodes.filter(({ public_url }) => !this.#isDead(public_url, nowMs));
    return (alive.length > 0 ? alive : nodes).find(({ public_url }) => !this.#failed.has(public_url));
  }

  /** Nodes that the main server should name last, if at all. */
  avoid(nowMs: number): string[] {
    const dead = [...this.#deadSinceMs.keys()].filter((publicUrl) => this.#isDead(publicUrl, nowMs));
    return [...new Set([...this.#failed, ...dead])];
  }

  /** Stores a new assignment. */
  take(assignment: Assignment): void {
    this.#onGrant(assignment.expires_in_s);
    this.#set(assignment);
  }

  /** Stores a fresh grant for the same nodes. */
  renewed(grant: string): void {
    if (this.#assignment !== undefined) this.#assignment = { ...this.#assignment, grant };
  }

  /** The current node names others to continue at, with the same grant. Returns false without a grant. */
  takeMove(nodes: readonly NodeAddress[]): boolean {
    if (this.#assignment === undefined) return false;
    this.#set({ ...this.#assignment, nodes: [...nodes] });
    return true;
  }

  /** The main server names no nodes: retries the known ones, failed ones last. Returns false if there are none. */
  useStandbys(): boolean {
    if (this.#assignment === undefined) return false;
    const { grant, nodes } = this.#assignment;
    const hasFailed = ({ public_url }: NodeAddress): boolean => this.#failed.has(public_url);
    this.#set({ grant, nodes: [...nodes.filter((node) => !hasFailed(node)), ...nodes.filter(hasFailed)] });
    return nodes.length > 0;
  }

  /** Requires a new answer of the main server before the next try, because the situation changed. */
  outdate(): void {
    this.#outdated = true;
  }

  /** The node refused, or was lost. */
  failed({ public_url }: NodeAddress): void {
    this.#failed.add(public_url);
  }

  /** The node is silent or unreachable. */
  died({ public_url }: NodeAddress, nowMs: number): void {
    this.#deadSinceMs.set(public_url, nowMs);
  }

  /** The node works. */
  serves({ public_url }: NodeAddress): void {
    this.#deadSinceMs.delete(public_url);
  }

  #set(assignment: Assignment): void {
    this.#assignment = assignment;
    this.#outdated = false;
    this.#failed.clear();
  }

  #isDead(publicUrl: string, nowMs: number): boolean {
    return nowMs - (this.#deadSinceMs.get(publicUrl) ?? -Infinity) < DEAD_FOR_MS;
  }
}
