// Audio contexts for songs.

/** iPhones: sound goes on in the background, and with the silent switch on. */
interface AudioSession {
  audioSession?: { type: string };
}

/** A context whose sound is what the page is for. */
export function createContext(options: AudioContextOptions): AudioContext {
  const session = (navigator as Navigator & AudioSession).audioSession;
  if (session !== undefined) session.type = 'playback';
  return new AudioContext(options);
}
