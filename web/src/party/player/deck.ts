// What plays one entry of a party: an item in a media element, or a live stream.

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
  /** The browser wants a press before it plays. */
  readonly isRefused: boolean;
  readonly isPlaying: boolean;
  /** How much later than the timeline it is heard; undefined while nothing is, or not known. */
  readonly lateMs: number | undefined;
  /** What is to be heard now is not: it waits for media. */
  isBuffering(serverMs: number, nowMs: number): boolean;
  /** Follows another timeline of the same entry, from now on. */
  follow(timeline: PartyTimeline, serverMs: number): void;
  /** Does what is due; to be called about 25 times a second. */
  step(serverMs: number, nowMs: number): void;
  /** The person pressed something: it may play now. */
  unlock(): void;
  /** What is seen is on the canvas instead of in its media element. */
  readonly isOnCanvas: boolean;
  /** The volume of its media element changed. */
  soundChanged(): void;
  close(): void;
}
