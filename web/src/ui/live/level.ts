// The loudness of samples, from 0 to 1 on a decibel scale.

/** Level of silence, in decibels below full scale. */
const FLOOR_DB = -60;

/** 0 for silence, 1 for full scale; 0.5 is -30 dB, about a quiet voice. */
export function level(samples: Float32Array): number {
  if (samples.length === 0) return 0;
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  if (power === 0) return 0;
  // A full-scale sine has half the power of a full-scale square.
  const db = 10 * Math.log10(2 * power);
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}
