// One member's party for a page: its state, the calls, and playback. `PartyClient` implements it over the network,
// `FakeParty` in memory. A person who has not joined is an onlooker, who sees the state of a public or unlisted party.

import type { WaveForm } from '../library/waveform';
import type { CallError } from '../protocol/error';
import type { LiveParts } from './player/live-parts';
import type { EndReason, PartyAction, PartyState, ReportPlayback } from '../protocol/party';

/** Limits of the manual correction of the output's latency, ms. */
export const MOST_TRIM_MS = 500;

/**
 * `opening`: nothing is known yet. `onlooker`: not joined. `member`: joined. `ended`: over for this member, see
 * `ended`. `refused`: the party does not exist, or this person may not see it; see `problem`.
 */
export type SessionPhase = 'opening' | 'onlooker' | 'member' | 'ended' | 'refused';

/**
 * `idle`: nothing to play. `needs_gesture`: the browser requires a press first, see {@link PartySession.unlock}.
 * `loading`: the media has not arrived yet. `paused`: by the party. `failed`: this browser cannot play it, see
 * `problem`.
 */
export type PlaybackPhase = 'idle' | 'needs_gesture' | 'loading' | 'playing' | 'paused' | 'failed';

/** The state of this page's playback. */
export interface PlaybackView {
  readonly phase: PlaybackPhase;
  /** The entry that is audible or due: that of the timeline, or the previous one until the timeline begins. */
  readonly entryId: string | undefined;
  readonly isLive: boolean;
  /** How much later than the timeline this member hears the sound, ms; undefined while nothing is audible. */
  readonly errorMs: number | undefined;
  readonly problem: CallError | undefined;
  /** The waveform of the current entry, if it is only sound. */
  readonly wave: WaveForm | undefined;
  /** Whether the vocals of the current entry can be turned down. */
  readonly hasVocals: boolean;
}

/** The displayed state. Each change creates a new object. */
export interface SessionView {
  readonly phase: SessionPhase;
  /** Undefined before it is known. */
  readonly state: PartyState | undefined;
  /** This member's id. */
  readonly me: string | undefined;
  /** Whether events arrive; if not, `state` is the last known one, and the session reconnects. */
  readonly isConnected: boolean;
  /** The last report of each member, this one included. */
  readonly reports: ReadonlyMap<string, ReportPlayback>;
  /** The entry that this member voted for in the open round. */
  readonly vote: string | undefined;
  readonly ended: EndReason | undefined;
  /** Why the party cannot be shown now, or at all. */
  readonly problem: CallError | undefined;
  readonly playback: PlaybackView;
}

/** The elements for playback. The page creates them, stacked, and shows the one passed to `show`. */
export interface PartyStage {
  /** Two elements: one plays while the other prepares the next entry. */
  readonly videos: readonly [HTMLVideoElement, HTMLVideoElement];
  /** For live streams that the page decodes itself. */
  readonly canvas: HTMLCanvasElement;
  /** How to play live streams, from `likelyForm` and `createPlaybacks` of ui/player. */
  readonly live: LiveParts;
  /** Shows this element; undefined if nothing has pictures. */
  show(element: HTMLVideoElement | HTMLCanvasElement | undefined): void;
}

/** The session of one member or onlooker. */
export interface PartySession {
  readonly view: SessionView;
  /** Calls `listener` at each change of `view`, until the returned function is called. */
  onChange(listener: (view: SessionView) => void): () => void;
  /** Starts to follow the party; continues a membership of this browser. */
  open(): void;
  /**
   * Joins the party.
   *
   * @throws CallError if the party refuses.
   */
  join(name: string, invitation?: string): Promise<void>;
  /** Ends the membership; leaves even if the server is unreachable. */
  leave(): Promise<void>;
  /**
   * Sends a command. Resolves once it is stored; `view` changes through the events. After a temporary failure `queue`
   * and `chat` are sent again, and executed once.
   *
   * @throws CallError if the party refuses or is unreachable.
   */
  command(action: PartyAction, ifRevision?: number): Promise<void>;
  /** The member's bearer token, for the page's own calls (invitations); undefined for onlookers. */
  readonly token: string | undefined;

  /** Uses these elements for playback from now on. */
  attach(stage: PartyStage): void;
  /** The person pressed something, so the browser lets the page play. Must be called in the event's handler. */
  unlock(): void;
  /** The server's time, ms since the Unix epoch; undefined before it is known. */
  serverNowMs(): number | undefined;
  /** The position of the current timeline, ms; for live streams the delay behind the capture. */
  positionMs(): number | undefined;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** Volume of songs' vocals for this member only, 0 to 1. */
  vocals: number;
  /** Added to the output latency that the browser reports, ms, within ±{@link MOST_TRIM_MS}; kept in this browser. */
  trimMs: number;
  /** Ends the session in this page; the person stays a member, and is soon absent. */
  close(): void;
}
