// One member's party, as a page uses it: its state, the calls, and what is played. `PartyClient` does it over the network,
// `FakeParty` in memory. Whoever has not joined is an onlooker, who sees the state of a public or unlisted party.

import type { WaveForm } from '../library/waveform';
import type { CallError } from '../protocol/error';
import type { LiveParts } from './player/live-parts';
import type { EndReason, PartyAction, PartyState, ReportPlayback } from '../protocol/party';

/** Limits of the manual correction of the output's latency, ms. */
export const MOST_TRIM_MS = 500;

/**
 * `opening`: nothing is known yet. `onlooker`: not joined. `member`: joined. `ended`: over for this member, see `ended`.
 * `refused`: the party does not exist, or not for this person; see `problem`.
 */
export type SessionPhase = 'opening' | 'onlooker' | 'member' | 'ended' | 'refused';

/**
 * `idle`: nothing is to be played. `needs_gesture`: the browser wants a press first, see {@link PartySession.unlock}. `loading`: what is
 * to be played now is not here yet. `paused`: by the party. `failed`: this browser cannot play it, see `problem`.
 */
export type PlaybackPhase = 'idle' | 'needs_gesture' | 'loading' | 'playing' | 'paused' | 'failed';

/** What this page plays. */
export interface PlaybackView {
  readonly phase: PlaybackPhase;
  /** The entry that is heard or due. It is that of the timeline, or the one before while the timeline's is still to begin. */
  readonly entryId: string | undefined;
  readonly isLive: boolean;
  /** How much later than the timeline this member hears, ms; undefined while nothing is heard. */
  readonly errorMs: number | undefined;
  readonly problem: CallError | undefined;
  /** The wave form of what is heard, of sound alone. */
  readonly wave: WaveForm | undefined;
  /** The vocals of what is heard can be turned down. */
  readonly hasVocals: boolean;
}

/** What a page shows. Each change makes a new one. */
export interface SessionView {
  readonly phase: SessionPhase;
  /** Undefined before it is known. */
  readonly state: PartyState | undefined;
  /** This member's id. */
  readonly me: string | undefined;
  /** Changes are heard as they happen; when not, `state` is what was known last, and the session reconnects. */
  readonly isConnected: boolean;
  /** What members reported last, by member; this one's own included. */
  readonly reports: ReadonlyMap<string, ReportPlayback>;
  /** The entry that this member votes for in the open round. */
  readonly vote: string | undefined;
  readonly ended: EndReason | undefined;
  /** Why the party cannot be seen, or not now. */
  readonly problem: CallError | undefined;
  readonly playback: PlaybackView;
}

/** The elements that a session plays in. The page creates them, one above the other, and shows the one that `show` names. */
export interface PartyStage {
  /** Two: what comes next gets ready in one while the other plays. */
  readonly videos: readonly [HTMLVideoElement, HTMLVideoElement];
  /** For live streams that the page decodes itself. */
  readonly canvas: HTMLCanvasElement;
  /** How live streams are played, by `likelyForm` and `createPlaybacks` of ui/player. */
  readonly live: LiveParts;
  /** What is to be seen now; undefined: nothing has pictures. */
  show(element: HTMLVideoElement | HTMLCanvasElement | undefined): void;
}

/** See the head of the file. */
export interface PartySession {
  readonly view: SessionView;
  /** Calls `listener` at each change of `view`, until the returned function is called. */
  onChange(listener: (view: SessionView) => void): () => void;
  /** Looks at the party; goes on as a member where this browser's tab was one. */
  open(): void;
  /**
   * Becomes a member.
   *
   * @throws CallError where the party refuses.
   */
  join(name: string, invitation?: string): Promise<void>;
  /** Is no member any more; the party is left even where the server cannot be reached. */
  leave(): Promise<void>;
  /**
   * Does something in the party. It is in the store, or an error is thrown; `view` learns of it by the events. `queue` and `chat` are
   * sent again after a failure that may pass, and done once.
   *
   * @throws CallError where the party refuses or cannot be reached.
   */
  command(action: PartyAction, ifRevision?: number): Promise<void>;
  /** The member's bearer token, for calls that the page makes itself (invitations); undefined for onlookers. */
  readonly token: string | undefined;

  /** Plays in these elements from now on. */
  attach(stage: PartyStage): void;
  /** The person pressed something: the browser lets the page play now. To be called in the handler of the event. */
  unlock(): void;
  /** The server's time, ms since the Unix epoch; undefined before it is known. */
  serverNowMs(): number | undefined;
  /** Where the party is in what plays now, ms, by the timeline; of live streams how far behind the capture. */
  positionMs(): number | undefined;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** How loud the vocals of songs are for this member alone, 0 to 1. */
  vocals: number;
  /** Added to what the browser tells of the output's latency, ms, within ±{@link MOST_TRIM_MS}; kept in this browser. */
  trimMs: number;
  /** Ends it in this page; the member stays one, and is away soon. */
  close(): void;
}
