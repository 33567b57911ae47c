// What plays a stream: takes what a node sends and shows it close to the live edge. There are two forms: `mse/` hands
// containers to a <video>, `webcodecs/` decodes bare frames itself. `player.ts` chooses by the type of each take.

import type { StreamingData } from '../../protocol/event';

/** What a playback tells its owner. */
export interface PlaybackOwner {
  /** The first picture (or sound, where there is none) came. */
  started(): void;
  /** Playback waits for media, or goes on. */
  waiting(waits: boolean): void;
  /** What was buffered is lost, and playback starts over: the stream has to be joined anew. */
  restarted(reason: string): void;
  /** This browser cannot play streams of this type. */
  cannotPlay(mime: string): void;
  /** The node's clock may have been set: it should be asked for now. */
  doubtsClock(): void;
  /** Playback was started, by whatever. */
  played(): void;
  /** Playback was paused, by whatever: browsers pause, too. */
  paused(): void;
  /** `muted` or `volume` changed. */
  soundChanged(): void;
}

/** Figures of playback; what is not known is undefined. */
export interface PlaybackStats {
  latencyMs: number | undefined;
  /** How much later than the others of a party; undefined without. */
  lateMs?: number | undefined;
  /** Media between the playhead and the live edge. */
  bufferMs: number | undefined;
  rate: number;
  bitsPerSecond: number | undefined;
  width: number;
  height: number;
  framesPerSecond: number | undefined;
  droppedFrames: number;
  /** How often playback ran dry while the stream was live. */
  stalls: number;
  /** How often it jumped: joining, over holes, when far behind. */
  jumps: number;
  mime: string | undefined;
  take: number | undefined;
}

/** See the head of the file. Playback never pauses or mutes by itself. */
export interface Playback {
  /** Takes what a node sent, in order. */
  push(data: StreamingData): void;
  /** What comes next was waiting at a node, after a join or a reconnect. */
  expectBacklog(): void;
  /** What comes next begins at the live edge, whatever came before; the last picture stays until it is there. */
  startAfresh(): void;
  /** Whether media is to be expected: running dry is a stall only then. */
  live: boolean;
  /** Goes on at the live edge, if the playhead is not there. */
  jumpToLive(): void;
  readonly stats: PlaybackStats;
  /**
   * Plays, at the live edge.
   *
   * @throws DOMException `NotAllowedError` where the browser wants a gesture first; without sound it may need none.
   */
  play(): Promise<void>;
  /** Stands still; what arrives meanwhile is kept within a bound. */
  pause(): void;
  readonly isPaused: boolean;
  muted: boolean;
  /** 0 to 1. */
  volume: number;
  /** Stops for good; the last picture stays. */
  close(): void;
}
