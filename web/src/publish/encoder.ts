// The interface of encoders, which turn a source into a take; recording-encoder.ts implements it by MediaRecorder.

import type { Size } from './size';

/** Settings of a take. */
export interface EncoderSettings {
  /** The requested type; see codecs.ts. */
  type: string;
  videoBitsPerSecond: number;
  audioBitsPerSecond: number;
  /** Larger pictures are scaled down to this size. */
  limit: Size;
}

/** Callbacks of an encoder. */
export interface EncoderListener {
  /**
   * The next segment. `mime` is the encoder's own full type, `capturedAtMs` the local capture time of the newest frame
   * in the segment.
   */
  segment(bytes: ArrayBuffer, mime: string, capturedAtMs: number): void;
  /** Encoding failed and has ended; `cause` is the browser's error. */
  failed(cause: unknown): void;
}

/** Counts and sizes of the pictures so far; undefined if unknown. */
export interface EncoderProgress {
  /** Pictures available for encoding, and how many of them were encoded. */
  offered: number | undefined;
  encoded: number | undefined;
  /** The size of the newest picture as captured and as encoded; undefined before the first. */
  size: { source: Size; sent: Size } | undefined;
}

/** A take in progress. */
export interface Encoder {
  progress(): EncoderProgress;
  /** Stops; resolves after the last segment was delivered. */
  stop(): Promise<void>;
}

/**
 * Begins a take of `stream`.
 *
 * @throws DOMException when the browser cannot encode it with these settings.
 */
export type StartEncoder = (stream: MediaStream, settings: EncoderSettings, listener: EncoderListener) => Encoder;
