// What WebCodecs can do in this browser. On insecure addresses it is missing altogether.

import type { Tracks } from './tracks';

/** Whether bare frames can be played here at all: pictures, and sound. */
export function canPlayFrames(): boolean {
  return 'VideoDecoder' in globalThis && 'AudioDecoder' in globalThis && 'AudioWorkletNode' in globalThis;
}

/** Whether these tracks can be decoded here. */
export async function canDecode({ video, audio }: Tracks): Promise<boolean> {
  if (!canPlayFrames()) return false;
  try {
    const answers = await Promise.all([
      video && VideoDecoder.isConfigSupported(video.config),
      audio && AudioDecoder.isConfigSupported(audio.config),
    ]);
    return answers.every((answer) => answer?.supported !== false);
  } catch {
    // What is not even a configuration.
    return false;
  }
}
