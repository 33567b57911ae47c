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
  /** Whether it has ended, or is silent. */
  readonly isOver: boolean;
  /** How much later than the timeline it is heard; undefined while it is silent, or while that is not known. */
  readonly lateMs: number | undefined;
  /** Whether it should be heard now and waits for media. */
  isBuffering(serverMs: number, nowMs: number): boolean;
  /** What the party does next, with this entry or another one, at a time to come; undefined takes an announcement back. */
  announce(next: PartyTimeline | undefined): void;
  /** Whether it schedules announcements of its own entry itself. */
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
