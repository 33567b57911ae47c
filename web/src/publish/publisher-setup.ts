// Dependencies, state and timing of a publisher.

import type { CallError } from '../protocol/error';
import type { Assignment, AskForNodes, StreamId } from '../protocol/stream';
import type { Connect } from '../transport/connection';
import type { OutboxLimits } from './outbox';

/** The state of publishing. */
export interface PublisherState {
  /**
   * `connecting`: not yet live. `reconnecting`: was live and will be again. `paused`: there is nothing to send, and the
   * publisher left the node. `ended`, `failed`: final.
   */
  phase: 'connecting' | 'live' | 'reconnecting' | 'paused' | 'ended' | 'failed';
  /** Why it is not live. */
  problem: CallError | undefined;
  /** Viewers on the current node. */
  viewers: number;
  /** How long the oldest unsent segment has waited. A growing value means that the uplink is too slow. */
  behindMs: number;
}

/** Dependencies and callbacks of a publisher. */
export interface PublisherSetup {
  streamId: StreamId;
  /** Grant and nodes from the main server. */
  assignment: Assignment;
  connect: Connect;
  /** Requests nodes and a fresh grant from the main server. */
  askForNodes(grant: string, ask: AskForNodes): Promise<Assignment>;
  onState(state: PublisherState): void;
  /** A fresh grant and its nodes, which a reload of the page needs. */
  onAssignment(assignment: Assignment): void;
  /** Nodes cannot continue the take: the recorder must restart, and `Publisher.startTake` must be called. */
  needTake(why: CallError): void;
  /** The page's clock unless a test passes its own. */
  now?: () => number;
  timing?: Partial<PublisherTiming>;
  limits?: OutboxLimits;
}

/** Timeouts and intervals of a publisher. */
export interface PublisherTiming {
  /** Timeout of the first connection to a node. */
  connectMs: number;
  /**
   * How long a lost connection may take to recover before another node is requested: short, because moving costs and
   * loses nothing.
   */
  sameNodeMs: number;
  /** Timeout for any ack while segments are in flight. */
  silentMs: number;
  /** Longest pause after all nodes failed; the first is a twentieth of it. */
  retryMs: number;
  /** Interval of clock requests to the node. */
  clockMs: number;
  /** Interval of renewals of the grant, which is valid for a day; varied by up to a quarter. */
  renewMs: number;
  /** Pause after a failed renewal. */
  renewAgainMs: number;
  /** Longest pause before a renewal that the node asked for. */
  renewSoonMs: number;
}

/** Default timing. */
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
