// What makes a take out of a source: a MediaRecorder (recording-encoder.ts), or whatever else stands beside it.

import type { Size } from './size';

/** What a take is made with. */
export interface EncoderSettings {
  /** What to ask for; see codecs.ts. */
  type: string;
  videoBitsPerSecond: number;
  audioBitsPerSecond: number;
  /** Larger pictures are scaled down to it. */
  limit: Size;
}

/** Hears an encoder. */
export interface EncoderListener {
  /**
   * The next segment. `mime` is the encoder's own full type, `capturedAtMs` our clock when the newest frame in the segment
   * was captured.
   */
  segment(bytes: ArrayBuffer, mime: string, capturedAtMs: number): void;
  /** Encoding failed and is over; `cause` is the browser's error. */
  failed(cause: unknown): void;
}

/** What became of the pictures so far; what cannot be known is undefined. */
export interface EncoderProgress {
  /** How many there were to encode, and how many of them were encoded. */
  offered: number | undefined;
  encoded: number | undefined;
  /** The size of the newest picture as it came, and as it is encoded; none before the first. */
  size: { source: Size; sent: Size } | undefined;
}

/** A take that is being made. */
export interface Encoder {
  progress(): EncoderProgress;
  /** Stops; resolves when the last segment has been given out. */
  stop(): Promise<void>;
}

/**
 * Begins a take of `stream`.
 *
 * @throws DOMException when the browser cannot encode it like this.
 */
export type StartEncoder = (stream: MediaStream, settings: EncoderSettings, listener: EncoderListener) => Encoder;
