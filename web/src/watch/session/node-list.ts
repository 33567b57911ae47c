// The nodes that the main server named last, and which of them failed since. Time comes in as a value.

import type { Assignment, NodeAddress } from '../../protocol/stream';

/** For so long a node that was silent or out of reach is not waited for again, if there are others. */
const DEAD_FOR_MS = 5_000;

/** See the head of the file. */
export class NodeList {
  readonly #onGrant: (expiresInS: number | undefined) => void;
  #assignment: Assignment | undefined;
  /** Nodes that failed since the main server was last asked. */
  readonly #failed = new Set<string>();
  /** When nodes were last found silent or out of reach, by public URL. */
  readonly #deadSinceMs = new Map<string, number>();
  /** What the main server said last no longer holds. */
  #outdated = false;

  /** `onGrant` hears how long each new grant lasts. */
  constructor(onGrant: (expiresInS: number | undefined) => void = () => undefined) {
    this.#onGrant = onGrant;
  }

  /** Shows nodes that this viewer was let in; undefined before the first assignment. */
  get grant(): string | undefined {
    return this.#assignment?.grant;
  }

  /** The node to try next; undefined when the main server has to be asked. */
  next(nowMs: number): NodeAddress | undefined {
    if (this.#outdated) return undefined;
    const nodes = this.#assignment?.nodes ?? [];
    const alive = nodes.filter(({ public_url }) => !this.#isDead(public_url, nowMs));
    return (alive.length > 0 ? alive : nodes).find(({ public_url }) => !this.#failed.has(public_url));
  }

  /** What the main server should name last, if at all. */
  avoid(nowMs: number): string[] {
    const dead = [...this.#deadSinceMs.keys()].filter((publicUrl) => this.#isDead(publicUrl, nowMs));
    return [...new Set([...this.#failed, ...dead])];
  }

  /** The main server named nodes. */
  take(assignment: Assignment): void {
    this.#onGrant(assignment.expires_in_s);
    this.#set(assignment);
  }

  /** A fresh grant for the same nodes. */
  renewed(grant: string): void {
    if (this.#assignment !== undefined) this.#assignment = { ...this.#assignment, grant };
  }

  /** The node in use names others to go on at, with the same grant. False without a grant. */
  takeMove(nodes: readonly NodeAddress[]): boolean {
    if (this.#assignment === undefined) return false;
    this.#set({ ...this.#assignment, nodes: [...nodes] });
    return true;
  }

  /** The main server names none: those known are tried again, the failed ones last. False if there are none. */
  useStandbys(): boolean {
    if (this.#assignment === undefined) return false;
    const { grant, nodes } = this.#assignment;
    const hasFailed = ({ public_url }: NodeAddress): boolean => this.#failed.has(public_url);
    this.#set({ grant, nodes: [...nodes.filter((node) => !hasFailed(node)), ...nodes.filter(hasFailed)] });
    return nodes.length > 0;
  }

  /** The main server has to be asked before the next try: it knows more by now. */
  outdate(): void {
    this.#outdated = true;
  }

  /** The node refused, or was lost. */
  failed({ public_url }: NodeAddress): void {
    this.#failed.add(public_url);
  }

  /** The node is silent or out of reach. */
  died({ public_url }: NodeAddress, nowMs: number): void {
    this.#deadSinceMs.set(public_url, nowMs);
  }

  /** The node serves. */
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
