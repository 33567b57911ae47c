// What a publisher works with and tells, and how long it waits for what.

import type { CallError } from '../protocol/error';
import type { Assignment, AskForNodes, StreamId } from '../protocol/stream';
import type { Connect } from '../transport/connection';
import type { OutboxLimits } from './outbox';

/** How publishing is going. */
export interface PublisherState {
  /**
   * `connecting`: not yet on the air. `reconnecting`: was, and will be again. `paused`: there is nothing to send, and the
   * node was left. `ended`, `failed`: over.
   */
  phase: 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended' | 'failed';
  /** Why it is not live. */
  problem: CallError | undefined;
  /** On the node in use. */
  viewers: number;
  /** How long the oldest segment has waited to be sent: the uplink is too slow when this grows. */
  behindMs: number;
}

/** What a publisher works with. */
export interface PublisherSetup {
  streamId: StreamId;
  /** Grant and nodes, as the main server gave them. */
  assignment: Assignment;
  connect: Connect;
  /** Asks the main server for nodes again, and for a fresh grant. */
  askForNodes(grant: string, ask: AskForNodes): Promise<Assignment>;
  onState(state: PublisherState): void;
  /** A fresh grant, and the nodes to use it at: what a reload of the page needs. */
  onAssignment(assignment: Assignment): void;
  /** The recorder has to be started anew, and `Publisher.startTake` called: nodes cannot continue the take. */
  needTake(why: CallError): void;
  /** The page's clock unless a test brings its own. */
  now?: () => number;
  timing?: Partial<PublisherTiming>;
  limits?: OutboxLimits;
}

/** How long a publisher waits for what. */
export interface PublisherTiming {
  /** For the first connection to a node. */
  connectMs: number;
  /** For a lost connection to come back before another node is asked: short, as going on elsewhere costs and loses nothing. */
  sameNodeMs: number;
  /** With segments on their way and no ack. */
  silentMs: number;
  /** Longest pause after all nodes failed; the first is a twentieth. */
  retryMs: number;
  /** Between looks at the node's clock. */
  clockMs: number;
  /** Between renewals of the grant, which lasts for a day; give or take a quarter. */
  renewMs: number;
  /** The same after one that failed. */
  renewAgainMs: number;
  /** Longest pause before one that the node asks for. */
  renewSoonMs: number;
}

/** Unless told otherwise. */
export const TIMING: PublisherTiming = {
  connectMs: 4_000,
  sameNodeMs: 250,
  silentMs: 5_000,
  retryMs: 4_000,
  clockMs: 10_000,
  renewMs: 60 * 60_000,
  renewAgainMs: 60_000,
  renewSoonMs: 2_000,
};
