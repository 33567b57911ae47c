// How watching is going, for who shows it.

import type { CallError } from '../../protocol/error';
import type { StreamState } from '../../protocol/stream';
import type { TransportName } from '../../transport/connection';

/** How watching is going. The last six are final. */
export type WatchPhase =
  /** Looking for a node. */
  | 'connecting'
  /** On a node; the broadcaster has not sent anything yet. */
  | 'waiting'
  | 'live'
  /** The broadcaster went missing and may come back. */
  | 'interrupted'
  /** The node was lost; the next one will go on where it stopped. */
  | 'reconnecting'
  /** No node can take a viewer now, or the main server cannot say which; asked again and again. */
  | 'busy'
  /** A passphrase is needed, or was wrong; or an invitation was refused, which `problem` tells, and a passphrase will do. */
  | 'locked'
  /** An invitation is needed, or was refused. */
  | 'uninvited'
  | 'not_found'
  | 'ended'
  /** No node can write the stream down in a format that was asked for. */
  | 'unsupported'
  /** The session itself failed, which no server can cure: only another session can go on. */
  | 'failed';

/** Phases after which nothing happens any more. */
export type FinalPhase = 'locked' | 'uninvited' | 'not_found' | 'ended' | 'unsupported' | 'failed';

/** Whether nothing happens any more. */
export function isFinal(phase: WatchPhase): phase is FinalPhase {
  return ['ended', 'not_found', 'locked', 'uninvited', 'unsupported', 'failed'].includes(phase);
}

/** How watching is going, in detail. */
export interface WatchState {
  phase: WatchPhase;
  /** On the node in use; undefined before it told. */
  viewers: number | undefined;
  /** Public URL of the node in use. */
  node: string | undefined;
  /** What carries the media. */
  transport: TransportName | undefined;
  /** What went wrong last. */
  problem: CallError | undefined;
  /** When the main server is asked again, on the session's clock; only while it waits for that. */
  retryAtMs: number | undefined;
  /** When the stream ends unless its broadcaster returns, on the session's clock; only while it is interrupted. */
  endsAtMs: number | undefined;
}

/** Before anything happened. */
export const BEGINNING: WatchState = {
  phase: 'connecting',
  viewers: undefined,
  node: undefined,
  transport: undefined,
  problem: undefined,
  retryAtMs: undefined,
  endsAtMs: undefined,
};

/** The phase of watching a stream in this state. */
export function phaseOf(state: Exclude<StreamState, 'ended'>): WatchPhase {
  return state === 'created' ? 'waiting' : state;
}
