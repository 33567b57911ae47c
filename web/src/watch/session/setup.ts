// Dependencies and timing of a watch session.

import type { BackOff } from '../../api/back-off';
import type { StreamingData } from '../../protocol/event';
import type { Assignment, AskForNodes, RenewedGrant, StreamId, StreamInfo } from '../../protocol/stream';
import type { ServerClock } from '../../transport/clock';
import type { ConnectViewer } from '../../transport/viewer';
import type { Format } from '../formats';
import type { WatchState } from './state';

/** Dependencies and callbacks of a session. */
export interface WatchSetup {
  streamId: StreamId;
  connect: ConnectViewer;
  /** The node's clock, kept up to date by the session. */
  clock: ServerClock;
  /** Asks the main server where to watch. */
  askForNodes(ask: AskForNodes): Promise<Assignment>;
  /** Requests a fresh grant from the main server in exchange for this one. */
  renewGrant(grant: string): Promise<RenewedGrant>;
  /** Asks the main server about the stream. */
  describe(): Promise<StreamInfo>;
  /** For a private stream with a passphrase. */
  passphrase?: string;
  /** For a private stream, from the link. */
  invitation?: string;
  /** Preferred region. */
  region?: string;
  /** Playable formats, best first; the node chooses if left out. */
  formats?: readonly Format[];
  onState(state: WatchState): void;
  /** The next init segment or chunk; init segments may repeat. */
  onData(data: StreamingData): void;
  /** The next data was waiting at the node. */
  onBacklog(): void;
  /** The next data does not follow the earlier one: the stream is joined again at its live edge. */
  onFreshStart(): void;
  /** Whether the page is hidden: a viewer who has seen nothing yet does not join meanwhile. */
  hidden?: () => boolean;
  /** Monotonic; it may stand still while the computer sleeps. */
  now?: () => number;
  /** The wall clock, which runs during sleep. */
  wallNow?: () => number;
  timing?: Partial<WatchTiming>;
}

/** Timeouts and intervals of a session. */
export interface WatchTiming {
  /** Timeout of a node's first answer. */
  connectMs: number;
  /** How long a lost connection may take to recover before another node is tried. */
  sameNodeMs: number;
  /** Silence of the node before it is probed. */
  silentMs: number;
  /** Timeout of a probe. */
  probeMs: number;
  /** Pauses between tries when nodes or the main server fail. */
  retry: BackOff;
  /** Interval of clock requests to the node. */
  clockMs: number;
  /**
   * Pauses between requests where the stream moved, while the node waits for its broadcaster. The node looks for the
   * broadcaster too, at once, and pulls the stream: requests help only if it cannot.
   */
  elsewhere: BackOff;
}

/** Default timing. */
export const TIMING: WatchTiming = {
  connectMs: 3_000,
  sameNodeMs: 800,
  silentMs: 1_200,
  probeMs: 1_500,
  retry: { firstMs: 250, longestMs: 15_000 },
  clockMs: 10_000,
  elsewhere: { firstMs: 6_000, longestMs: 30_000 },
};
