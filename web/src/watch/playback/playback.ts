// The interface of playback: accepts what a node sends and shows it close to the live edge. There are two forms: `mse/`
// feeds containers to a <video>, `webcodecs/` decodes bare frames itself. `player.ts` chooses by the type of each take.

import type { StreamingData } from '../../protocol/event';

/** Callbacks of a playback. */
export interface PlaybackOwner {
  /** The first picture was shown, or the first sound if there is no picture. */
  started(): void;
  /** Playback is waiting for media, or resumed. */
  waiting(waits: boolean): void;
  /** The buffered media is lost and playback restarts: the stream must be joined again. */
  restarted(reason: string): void;
  /** This browser cannot play streams of this type. */
  cannotPlay(mime: string): void;
  /** The node's clock may have been set: it should be requested now. */
  doubtsClock(): void;
  /** Playback started, whatever caused it. */
  played(): void;
  /** Playback paused, whatever caused it; browsers pause too. */
  paused(): void;
  /** `muted` or `volume` changed. */
  soundChanged(): void;
}

/** Figures of playback; undefined if unknown. */
export interface PlaybackStats {
  latencyMs: number | undefined;
  /** How much later than the other members of a party; undefined outside parties. */
  lateMs?: number | undefined;
  /** Media between the playhead and the live edge. */
  bufferMs: number | undefined;
  rate: number;
  bitsPerSecond: number | undefined;
  width: number;
  height: number;
  framesPerSecond: number | undefined;
  droppedFrames: number;
  /** Number of times that playback ran dry while the stream was live. */
  stalls: number;
  /** Number of jumps: on joining, over gaps, when far behind. */
  jumps: number;
  mime: string | undefined;
  take: number | undefined;
}

/** A player of one stream. It never pauses or mutes by itself. */
export interface Playback {
  /** Accepts what a node sent, in order. */
  push(data: StreamingData): void;
  /** The next data was waiting at a node, after a join or a reconnect. */
  expectBacklog(): void;
  /** The next data begins at the live edge, unrelated to earlier data; the last picture stays until then. */
  startAfresh(): void;
  /** Whether media is expected: only then is running dry a stall. */
  live: boolean;
  /** Goes to the live edge, if the playhead is not there. */
  jumpToLive(): void;
  readonly stats: PlaybackStats;
  /**
   * Plays at the live edge.
   *
   * @throws DOMException `NotAllowedError` if the browser requires a gesture first; without sound it may not.
   */
  play(): Promise<void>;
  /** Pauses; media that arrives meanwhile is kept up to a limit. */
  pause(): void;
  readonly isPaused: boolean;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** Stops permanently; the last picture stays. */
  close(): void;
}
