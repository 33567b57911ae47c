// The state of watching, for display.

import type { CallError } from '../../protocol/error';
import type { StreamState } from '../../protocol/stream';
import type { TransportName } from '../../transport/connection';

/** Phases of watching. The last six are final. */
export type WatchPhase =
  /** Looking for a node. */
  | 'connecting'
  /** On a node, but the broadcaster has sent nothing yet. */
  | 'waiting'
  | 'live'
  /** The broadcaster went missing and may come back. */
  | 'interrupted'
  /** The node was lost; the next one will continue after the last chunk. */
  | 'reconnecting'
  /** No node can accept a viewer now, or the main server cannot tell; it is asked repeatedly. */
  | 'busy'
  /**
   * A passphrase is needed, or was wrong. After a refused invitation (see `problem`) a passphrase can be used instead.
   */
  | 'locked'
  /** An invitation is needed, or was refused. */
  | 'uninvited'
  | 'not_found'
  | 'ended'
  /** No node can provide the stream in a requested format. */
  | 'unsupported'
  /** The session itself failed; only a new session can continue. */
  | 'failed';

/** Phases that never change again. */
export type FinalPhase = 'locked' | 'uninvited' | 'not_found' | 'ended' | 'unsupported' | 'failed';

/** Whether the phase never changes again. */
export function isFinal(phase: WatchPhase): phase is FinalPhase {
  return ['ended', 'not_found', 'locked', 'uninvited', 'unsupported', 'failed'].includes(phase);
}

/** The detailed state of watching. */
export interface WatchState {
  phase: WatchPhase;
  /** Viewers on the current node; undefined before it reported. */
  viewers: number | undefined;
  /** Public URL of the current node. */
  node: string | undefined;
  /** The transport of the media. */
  transport: TransportName | undefined;
  /** The last error. */
  problem: CallError | undefined;
  /** When the main server is asked again, on the session's clock; only while waiting for that. */
  retryAtMs: number | undefined;
  /** When the stream ends unless its broadcaster returns, on the session's clock; only while interrupted. */
  endsAtMs: number | undefined;
}

/** The initial state. */
export const BEGINNING: WatchState = {
  phase: 'connecting',
  viewers: undefined,
  node: undefined,
  transport: undefined,
  problem: undefined,
  retryAtMs: undefined,
  endsAtMs: undefined,
};

/** The phase for a stream in this state. */
export function phaseOf(state: Exclude<StreamState, 'ended'>): WatchPhase {
  return state === 'created' ? 'waiting' : state;
}
