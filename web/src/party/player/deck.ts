// The interface for playing one entry of a party: a song, an item in a media element, or a live stream.

import type { WaveForm } from '../../library/waveform';
import type { CallError } from '../../protocol/error';
import type { Entry, PartyTimeline } from '../../protocol/party';

/** The playback of one entry. */
export interface Deck {
  readonly entry: Entry;
  readonly timeline: PartyTimeline;
  readonly wave: WaveForm | undefined;
  /** Why it cannot be played. */
  readonly problem: CallError | undefined;
  /** Whether the entry needs another kind of deck. */
  readonly isUnfit: boolean;
  /** Whether the browser requires a press before it plays. */
  readonly isRefused: boolean;
  readonly isPlaying: boolean;
  /** Whether it has ended or is silent. */
  readonly isOver: boolean;
  /** How much later than the timeline it is heard, ms; undefined while silent or unknown. */
  readonly lateMs: number | undefined;
  /** Whether it should be audible now but is waiting for media. */
  isBuffering(serverMs: number, nowMs: number): boolean;
  /** Announces a future timeline, of this entry or another one; undefined cancels the announcement. */
  announce(next: PartyTimeline | undefined): void;
  /** Whether it schedules announced changes of its own entry itself. */
  readonly isForesighted: boolean;
  /** Switches to another timeline of the same entry, now. */
  follow(timeline: PartyTimeline, serverMs: number): void;
  /** Does what is due; called about 25 times a second. */
  step(serverMs: number, nowMs: number): void;
  /** The person pressed something, so that it may play now. */
  unlock(): void;
  /** Whether the picture is on the canvas instead of in its media element. */
  readonly isOnCanvas: boolean;
  /** Whether the vocals can be turned down. */
  readonly hasVocals: boolean;
  /** Sets the volume of the vocals for this member, 0 to 1. */
  setVocals(share: number): void;
  /** The volume of its media element changed. */
  soundChanged(): void;
  close(): void;
}
