// What a watch session works with, and how long it waits for what.

import type { BackOff } from '../../api/back-off';
import type { StreamingData } from '../../protocol/event';
import type { Assignment, AskForNodes, RenewedGrant, StreamId, StreamInfo } from '../../protocol/stream';
import type { ServerClock } from '../../transport/clock';
import type { ConnectViewer } from '../../transport/viewer';
import type { Format } from '../formats';
import type { WatchState } from './state';

/** What a session works with. */
export interface WatchSetup {
  streamId: StreamId;
  connect: ConnectViewer;
  /** The node's clock, kept up to date. */
  clock: ServerClock;
  /** Asks the main server where to watch. */
  askForNodes(ask: AskForNodes): Promise<Assignment>;
  /** Asks the main server for a fresh grant in the place of this one. */
  renewGrant(grant: string): Promise<RenewedGrant>;
  /** Asks the main server about the stream. */
  describe(): Promise<StreamInfo>;
  /** For a private stream that has one. */
  passphrase?: string;
  /** For a private stream, from the link. */
  invitation?: string;
  /** Where to be served from, if there is room. */
  region?: string;
  /** What can be played, best first; the node's choice if left out. */
  formats?: readonly Format[];
  onState(state: WatchState): void;
  /** The next init segment or chunk; init segments may repeat. */
  onData(data: StreamingData): void;
  /** What comes next waited at the node. */
  onBacklog(): void;
  /** What comes next does not follow what came before: the stream is joined anew at its live edge. */
  onFreshStart(): void;
  /** Whether the page is hidden: a viewer who has seen nothing yet does not join meanwhile. */
  hidden?: () => boolean;
  /** Monotonic; it may stand still while the computer sleeps. */
  now?: () => number;
  /** The wall clock, which does not. */
  wallNow?: () => number;
  timing?: Partial<WatchTiming>;
}

/** How long a session waits for what. */
export interface WatchTiming {
  /** For a first answer from a node. */
  connectMs: number;
  /** For a lost connection to come back before another node is asked. */
  sameNodeMs: number;
  /** Without a word from the node before it is probed. */
  silentMs: number;
  /** For the answer to a probe. */
  probeMs: number;
  /** Between tries when nodes or the main server fail. */
  retry: BackOff;
  /** Between looks at the node's clock. */
  clockMs: number;
  /**
   * Between questions where the stream went, while the node waits for its broadcaster. The node looks for the broadcaster
   * too, at once, and pulls the stream: asking helps only where it cannot.
   */
  elsewhere: BackOff;
}

/** Unless told otherwise. */
export const TIMING: WatchTiming = {
  connectMs: 3_000,
  sameNodeMs: 800,
  silentMs: 1_200,
  probeMs: 1_500,
  retry: { firstMs: 250, longestMs: 15_000 },
  clockMs: 10_000,
  elsewhere: { firstMs: 6_000, longestMs: 30_000 },
};
