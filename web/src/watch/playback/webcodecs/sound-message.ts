// Messages from the page to the audio thread.

/** Consecutive samples. */
export interface SoundBlock {
  /** Media time of the first sample, seconds on the player's clock. */
  startS: number;
  sampleRate: number;
  /** Samples of each channel, from -1 to 1. */
  channels: Float32Array<ArrayBuffer>[];
}

/** Which media time is heard at which time of the audio context, and how fast it runs; seconds. */
export interface SoundTarget {
  mediaS: number;
  atS: number;
  rate: number;
}

/** One message. */
export type SoundMessage =
  { kind: 'block'; block: SoundBlock } | { kind: 'target'; target: SoundTarget } | { kind: 'clear' };
