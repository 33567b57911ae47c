// Gets nodes from the main server, and handles its refusals: wait, give up, or continue with the known nodes.

import { CallError, asCallError } from '../../protocol/error';
import type { AskForNodes, Assignment, NodeAddress, StreamState } from '../../protocol/stream';
import type { NodeList } from './node-list';
import type { WatchSetup } from './setup';
import { phaseOf, type FinalPhase, type WatchState } from './state';

/** Errors that mean that no node can accept a viewer now. */
const FULL: readonly string[] = ['no_capacity', 'limit_reached', 'no_node_available'];
/** How long the main server's answer about the stream's state is considered valid. */
const DESCRIBED_FOR_MS = 10_000;

/** Callbacks of admission into the session. */
export interface AdmissionOwner {
  /** The last error. */
  problem(): CallError | undefined;
  hadMedia(): boolean;
  /** Whether a working node was lost a moment ago. */
  lostJustNow(): boolean;
  show(change: Partial<WatchState>): void;
  finish(phase: FinalPhase, problem: CallError | undefined): void;
}

/** Admits one viewer. */
export class Admission {
  readonly #setup: WatchSetup;
  readonly #nodes: NodeList;
  readonly #owner: AdmissionOwner;
  readonly #now: () => number;
  /** Why the invitation was refused; it is not sent again. */
  #refusal: CallError | undefined;
  /** The main server's last answer about the stream. */
  #described: { state: StreamState | undefined; atMs: number } | undefined;

  constructor(setup: WatchSetup, nodes: NodeList, owner: AdmissionOwner, now: () => number) {
    this.#setup = setup;
    this.#nodes = nodes;
    this.#owner = owner;
    this.#now = now;
  }

  /**
   * Gets a grant and nodes; without the main server it uses the standbys. Returns false if there is nothing to continue
   * with.
   */
  async ask(): Promise<boolean> {
    try {
      const assignment = await this.#admit(this.#nodes.avoid(this.#now()));
      this.#nodes.take(assignment);
      return assignment.nodes.length > 0;
    } catch (error) {
      const problem = asCallError(error);
      if (problem.code === 'wrong_passphrase') this.#owner.finish('locked', this.#refusal ?? problem);
      else if (problem.code === 'invitation_refused') this.#owner.finish('uninvited', this.#refusal ?? problem);
      else if (problem.code === 'unknown_stream') await this.#isOver(problem);
      else if (FULL.includes(problem.code)) await this.#noNode(problem);
      else return this.#useStandbys(problem);
      return false;
    }
  }

  /**
   * Gets nodes from the main server. After a refused invitation it asks again without, because only then the main
   * server tells whether the stream has a passphrase.
   */
  async #admit(avoid: string[]): Promise<Assignment> {
    try {
      return await this.#setup.askForNodes(this.#question(avoid));
    } catch (error) {
      const problem = asCallError(error);
      if (problem.code !== 'invitation_refused' || this.#invitation === undefined) throw error;
      this.#refusal = problem;
      return this.#setup.askForNodes(this.#question(avoid));
    }
  }

  /**
   * Asks where the stream moved: the current node may not be able to reach the broadcaster's new one. Returns nodes
   * that begin with another one than `node`, if the main server knows better.
   *
   * @throws CallError if it cannot tell.
   */
  async askElsewhere(node: NodeAddress): Promise<NodeAddress[] | undefined> {
    const assignment = await this.#setup.askForNodes(this.#question([]));
    const first = assignment.nodes[0];
    if (first === undefined || first.public_url === node.public_url) return undefined;
    this.#nodes.take(assignment);
    return assignment.nodes;
  }

  /** Shows that node after node was full. */
  async showFull(): Promise<void> {
    const problem = this.#owner.problem();
    if (problem && FULL.includes(problem.code)) await this.#noNode(problem);
  }

  /** Whether no node has the stream because it has not begun. Then no node is at fault, and waiting makes sense. */
  async beginsLater(): Promise<boolean> {
    if (this.#owner.hadMedia() || this.#owner.problem()?.code !== 'no_node_available') return false;
    if ((await this.#streamState()) !== 'created') return false;
    this.#owner.show({ phase: 'waiting', problem: undefined });
    return true;
  }

  get #invitation(): string | undefined {
    return this.#refusal === undefined ? this.#setup.invitation : undefined;
  }

  #question(avoid: string[]): AskForNodes {
    const { passphrase, region } = this.#setup;
    const invitation = this.#invitation;
    return {
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(invitation === undefined ? {} : { invitation }),
      ...(avoid.length === 0 ? {} : { avoid }),
      ...(region === undefined ? {} : { region }),
    };
  }

  #useStandbys(problem: CallError): boolean {
    this.#owner.show({ problem });
    const isFirst = this.#nodes.grant === undefined;
    if (isFirst && problem.code === 'store_unavailable') this.#owner.show({ phase: 'busy' });
    return this.#nodes.useStandbys();
  }

  /**
   * Handles that no node accepts this viewer. With `no_node_available` the stream itself may be the reason: it has
   * ended, or waits for its broadcaster. Just after a loss it is moving to another node. Otherwise the nodes are full.
   */
  async #noNode(problem: CallError): Promise<void> {
    const isBetweenNodes = this.#owner.hadMedia() && problem.code !== 'no_capacity';
    const asks = problem.code === 'no_node_available' && !(isBetweenNodes && this.#owner.lostJustNow());
    const state = asks ? await this.#streamState() : undefined;
    if (state === 'ended') this.#owner.finish('ended', undefined);
    else if (state === 'interrupted' || state === 'created') this.#owner.show({ phase: phaseOf(state), problem });
    else this.#owner.show({ phase: isBetweenNodes ? 'reconnecting' : 'busy', problem });
  }

  /** The stream's state at the main server, at most slightly outdated; undefined if unknown. */
  async #streamState(): Promise<StreamState | undefined> {
    if (this.#described === undefined || this.#now() - this.#described.atMs > DESCRIBED_FOR_MS) {
      const state = await this.#setup.describe().then(
        (info) => info.state,
        () => undefined,
      );
      this.#described = { state, atMs: this.#now() };
    }
    return this.#described.state;
  }

  async #isOver(problem: CallError): Promise<void> {
    try {
      const { state } = await this.#setup.describe();
      if (state === 'ended') this.#owner.finish('ended', undefined);
      else await this.#noNode(problem);
    } catch (error) {
      if (asCallError(error).code !== 'unknown_stream') return;
      this.#owner.finish(this.#owner.hadMedia() ? 'ended' : 'not_found', problem);
    }
  }
}
