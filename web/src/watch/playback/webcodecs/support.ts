// What WebCodecs supports in this browser. On insecure addresses it is missing.

import type { Tracks } from './tracks';

/** Whether this browser can play bare frames at all, pictures and sound. */
export function canPlayFrames(): boolean {
  return 'VideoDecoder' in globalThis && 'AudioDecoder' in globalThis && 'AudioWorkletNode' in globalThis;
}

/** Whether this browser can decode these tracks. */
export async function canDecode({ video, audio }: Tracks): Promise<boolean> {
  if (!canPlayFrames()) return false;
  try {
    const answers = await Promise.all([
      video && VideoDecoder.isConfigSupported(video.config),
      audio && AudioDecoder.isConfigSupported(audio.config),
    ]);
    return answers.every((answer) => answer?.supported !== false);
  } catch {
    // The configuration itself is invalid.
    return false;
  }
}
