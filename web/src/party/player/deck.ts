// What plays one entry of a party: a song, an item in a media element, or a live stream.

import type { WaveForm } from '../../library/waveform';
import type { CallError } from '../../protocol/error';
import type { Entry, PartyTimeline } from '../../protocol/party';

/** See the head of the file. */
export interface Deck {
  readonly entry: Entry;
  readonly timeline: PartyTimeline;
  readonly wave: WaveForm | undefined;
  /** Why it cannot be played. */
  readonly problem: CallError | undefined;
  /** Another kind of deck has to play the entry. */
  readonly isUnfit: boolean;
  /** The browser wants a press before it plays. */
  readonly isRefused: boolean;
  readonly isPlaying: boolean;
  /** It ended by itself, or stands. */
  readonly isOver: boolean;
  /** How much later than the timeline it is heard; undefined while nothing is, or not known. */
  readonly lateMs: number | undefined;
  /** What is to be heard now is not: it waits for media. */
  isBuffering(serverMs: number, nowMs: number): boolean;
  /** What the party does next, of this entry or of another one; undefined: nothing is announced any more. Its time is still to come. */
  announce(next: PartyTimeline | undefined): void;
  /** Whether it does by itself, at its time, what is announced of its entry. */
  readonly isForesighted: boolean;
  /** Follows another timeline of the same entry, from now on. */
  follow(timeline: PartyTimeline, serverMs: number): void;
  /** Does what is due; to be called about 25 times a second. */
  step(serverMs: number, nowMs: number): void;
  /** The person pressed something: it may play now. */
  unlock(): void;
  /** What is seen is on the canvas instead of in its media element. */
  readonly isOnCanvas: boolean;
  /** The vocals of what it plays can be turned down. */
  readonly hasVocals: boolean;
  /** How loud the vocals are for this member, 0 to 1. */
  setVocals(share: number): void;
  /** The volume of its media element changed. */
  soundChanged(): void;
  close(): void;
}
