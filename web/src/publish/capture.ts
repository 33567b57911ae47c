// Getting a picture and sound from the browser. Screens come with the processing off that browsers switch on for
// voices: it turns the sound of a shared tab into a mono, gated whisper of itself.

import { canPlayStreams } from '../watch/media-source';
import type { Abilities, SourceKind } from './problems';

// Newer than the DOM types of the compiler.
interface DisplayRequest extends DisplayMediaStreamOptions {
  selfBrowserSurface?: 'include' | 'exclude';
  surfaceSwitching?: 'include' | 'exclude';
  systemAudio?: 'include' | 'exclude';
}

const UNPROCESSED_SOUND: MediaTrackConstraints = {
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
  channelCount: 2,
};

const FRAME_RATE = 30;

const SCREEN: DisplayRequest = {
  video: { frameRate: FRAME_RATE },
  audio: UNPROCESSED_SOUND,
  selfBrowserSurface: 'include',
  surfaceSwitching: 'include',
  systemAudio: 'include',
};

const CAMERA: MediaStreamConstraints = {
  video: { frameRate: FRAME_RATE, width: { ideal: 1280 }, height: { ideal: 720 } },
};

/** What this browser offers. */
export function abilities(): Abilities {
  // Missing altogether on insecure addresses, whatever the types say.
  const devices = navigator.mediaDevices as Partial<MediaDevices> | undefined;
  return {
    secureContext: isSecureContext,
    screen: typeof devices?.getDisplayMedia === 'function',
    camera: typeof devices?.getUserMedia === 'function',
    recorder: typeof MediaRecorder === 'function',
    player: canPlayStreams(),
  };
}

/** A running capture: one picture track, at most one sound track. Close it, or the browser goes on sharing. */
export class Capture {
  readonly kind: SourceKind;
  readonly #source: MediaStream;
  #stream: MediaStream;
  #voice: MediaStream | undefined;
  /** What was asked for last; a microphone that is given later obeys it. */
  #wantsVoice = false;
  #asking = false;
  #closed = false;
  #mixer: AudioContext | undefined;

  private constructor(kind: SourceKind, source: MediaStream) {
    this.kind = kind;
    this.#source = source;
    this.#stream = source;
  }

  /**
   * Asks the person for a source. Needs a click or key press just before.
   *
   * @throws DOMException as `getDisplayMedia` and `getUserMedia` do: `NotAllowedError` when the person declined.
   */
  static async start(kind: SourceKind): Promise<Capture> {
    const devices = navigator.mediaDevices;
    return new Capture(
      kind,
      await (kind === 'camera' ? devices.getUserMedia(CAMERA) : devices.getDisplayMedia(SCREEN)),
    );
  }

  /** What to show and record. Another object after the first {@link setMicrophone}. */
  get stream(): MediaStream {
    return this.#stream;
  }

  get hasAudio(): boolean {
    return this.#stream.getAudioTracks().length > 0;
  }

  /** Whether the picture still runs: not after the browser's own stop button. */
  get live(): boolean {
    return this.#stream.getVideoTracks().some(({ readyState }) => readyState === 'live');
  }

  /**
   * Adds the microphone, mixed with the source's own sound, or silences it. Afterwards the tracks may be others: true
   * then, and what records has to begin anew.
   *
   * @throws DOMException as `getUserMedia` does; the capture goes on as it was.
   */
  async setMicrophone(on: boolean): Promise<boolean> {
    this.#wantsVoice = on;
    if (this.#voice !== undefined || !on || this.#asking) {
      for (const track of this.#voice?.getTracks() ?? []) track.enabled = on;
      return false;
    }
    this.#asking = true;
    try {
      return this.#addVoice(await navigator.mediaDevices.getUserMedia({ audio: true }));
    } finally {
      this.#asking = false;
    }
  }

  /** Much may have happened while the person was asked: the capture closed, the microphone no longer wanted. */
  #addVoice(voice: MediaStream): boolean {
    for (const track of voice.getTracks()) {
      if (this.#closed) track.stop();
      else track.enabled = this.#wantsVoice;
    }
    if (this.#closed) return false;
    this.#voice = voice;
    this.#stream = this.#mix(voice);
    return true;
  }

  /** Hears the person stop sharing with the browser's own button; not {@link close}. */
  onEnded(listener: () => void): void {
    this.#source.getVideoTracks()[0]?.addEventListener('ended', listener, { once: true });
  }

  /** Stops sharing. */
  close(): void {
    this.#closed = true;
    for (const stream of [this.#stream, this.#source, this.#voice])
      stream?.getTracks().forEach((track) => track.stop());
    // A context that is closed twice rejects; there is nothing left to do then.
    this.#mixer?.close().catch(() => undefined);
  }

  #mix(voice: MediaStream): MediaStream {
    const pictures = this.#source.getVideoTracks();
    if (this.#source.getAudioTracks().length === 0) return new MediaStream([...pictures, ...voice.getAudioTracks()]);
    this.#mixer = new AudioContext();
    const output = this.#mixer.createMediaStreamDestination();
    for (const source of [this.#source, voice]) this.#mixer.createMediaStreamSource(source).connect(output);
    return new MediaStream([...pictures, ...output.stream.getAudioTracks()]);
  }
}
