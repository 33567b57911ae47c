// Audio contexts for songs.

/** Safari's audio session. The type `playback` lets sound continue in the background and with the silent switch on. */
interface AudioSession {
  audioSession?: { type: string };
}

/** Creates a context for a page whose purpose is to play sound. */
export function createContext(options: AudioContextOptions): AudioContext {
  const session = (navigator as Navigator & AudioSession).audioSession;
  if (session !== undefined) session.type = 'playback';
  return new AudioContext(options);
}
