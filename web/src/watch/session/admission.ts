// Getting nodes from the main server, and what its refusals mean: wait, give up, go on with the nodes that are known.

import { CallError, asCallError } from '../../protocol/error';
import type { AskForNodes, Assignment, NodeAddress, StreamState } from '../../protocol/stream';
import type { NodeList } from './node-list';
import type { WatchSetup } from './setup';
import { phaseOf, type FinalPhase, type WatchState } from './state';

/** No node can take a viewer now. */
const FULL: readonly string[] = ['no_capacity', 'limit_reached', 'no_node_available'];
/** For so long what the main server said of the stream's state is taken to hold. */
const DESCRIBED_FOR_MS = 10_000;

/** What admission needs of the session. */
export interface AdmissionOwner {
  /** What went wrong last. */
  problem(): CallError | undefined;
  hadMedia(): boolean;
  /** Whether a node that served was lost a moment ago. */
  lostJustNow(): boolean;
  show(change: Partial<WatchState>): void;
  finish(phase: FinalPhase, problem: CallError | undefined): void;
}

/** See the head of the file. */
export class Admission {
  readonly #setup: WatchSetup;
  readonly #nodes: NodeList;
  readonly #owner: AdmissionOwner;
  readonly #now: () => number;
  /** Why the invitation was refused; it is not shown again. */
  #refusal: CallError | undefined;
  /** What the main server last said of the stream. */
  #described: { state: StreamState | undefined; atMs: number } | undefined;

  constructor(setup: WatchSetup, nodes: NodeList, owner: AdmissionOwner, now: () => number) {
    this.#setup = setup;
    this.#nodes = nodes;
    this.#owner = owner;
    this.#now = now;
  }

  /** Gets a grant and nodes; without the main server the standbys have to do. False: nothing to go on with. */
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
   * A viewer whose invitation is refused is asked for the passphrase, if the stream has one: the main server says so to viewers
   * without an invitation.
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
   * Asks where the stream went: a node that waits for its broadcaster may not reach the one it went to. Nodes that begin
   * with another one than `node`, if the main server knows better.
   *
   * @throws CallError where it cannot tell.
   */
  async askElsewhere(node: NodeAddress): Promise<NodeAddress[] | undefined> {
    const assignment = await this.#setup.askForNodes(this.#question([]));
    const first = assignment.nodes[0];
    if (first === undefined || first.public_url === node.public_url) return undefined;
    this.#nodes.take(assignment);
    return assignment.nodes;
  }

  /** Node after node had no room. */
  async showFull(): Promise<void> {
    const problem = this.#owner.problem();
    if (problem && FULL.includes(problem.code)) await this.#noNode(problem);
  }

  /** Whether no node has the stream because it has not begun: none of them is at fault, and there is something to wait for. */
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
   * No node takes this viewer. With `no_node_available` the reason may be the stream itself: it is over, or waits for its
   * broadcaster. Just after a loss it is on its way to another node. Otherwise there is one viewer too many.
   */
  async #noNode(problem: CallError): Promise<void> {
    const isBetweenNodes = this.#owner.hadMedia() && problem.code !== 'no_capacity';
    const asks = problem.code === 'no_node_available' && !(isBetweenNodes && this.#owner.lostJustNow());
    const state = asks ? await this.#streamState() : undefined;
    if (state === 'ended') this.#owner.finish('ended', undefined);
    else if (state === 'interrupted' || state === 'created') this.#owner.show({ phase: phaseOf(state), problem });
    else this.#owner.show({ phase: isBetweenNodes ? 'reconnecting' : 'busy', problem });
  }

  /** What the main server knows of the stream, not much older than now; undefined where it cannot tell. */
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
