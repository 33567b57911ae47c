// Getting a picture and sound from the browser. Screens come with the processing off that browsers switch on for
// voices: it turns the sound of a shared tab into a mono, gated whisper of itself.

import type { Abilities, SourceKind } from './problems';

/** What to capture. */
export interface CaptureRequest {
  kind: SourceKind;
  /** Also take the microphone; with a screen's own sound the two are mixed. */
  microphone: boolean;
}

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

/** What this browser offers. */
export function abilities(): Abilities {
  // Missing altogether on insecure addresses, whatever the types say.
  const devices = navigator.mediaDevices as Partial<MediaDevices> | undefined;
  return {
    secureContext: isSecureContext,
    screen: typeof devices?.getDisplayMedia === 'function',
    camera: typeof devices?.getUserMedia === 'function',
    recorder: typeof MediaRecorder === 'function',
    player: typeof MediaSource === 'function',
  };
}

/** A running capture: one picture track, at most one sound track. Close it, or the browser goes on sharing. */
export class Capture {
  readonly kind: SourceKind;
  /** What to show and record. */
  readonly stream: MediaStream;
  readonly #sources: MediaStream[];
  readonly #mixer: AudioContext | undefined;

  private constructor(kind: SourceKind, stream: MediaStream, sources: MediaStream[], mixer?: AudioContext) {
    this.kind = kind;
    this.stream = stream;
    this.#sources = sources;
    this.#mixer = mixer;
  }

  /**
   * Asks the person for a source. Needs a click or key press just before.
   *
   * @throws DOMException as `getDisplayMedia` and `getUserMedia` do: `NotAllowedError` when the person declined.
   */
  static async start({ kind, microphone }: CaptureRequest): Promise<Capture> {
    if (kind === 'camera') {
      const camera = await navigator.mediaDevices.getUserMedia({
        video: { frameRate: FRAME_RATE, width: { ideal: 1280 }, height: { ideal: 720 } },
        audio: microphone,
      });
      return new Capture(kind, camera, [camera]);
    }
    const request: DisplayRequest = {
      video: { frameRate: FRAME_RATE },
      audio: UNPROCESSED_SOUND,
      selfBrowserSurface: 'include',
      surfaceSwitching: 'include',
      systemAudio: 'include',
    };
    const screen = await navigator.mediaDevices.getDisplayMedia(request);
    if (!microphone) return new Capture(kind, screen, [screen]);
    try {
      const voice = await navigator.mediaDevices.getUserMedia({ audio: true });
      return Capture.#mixed(screen, voice);
    } catch (error) {
      stopTracks(screen);
      throw error;
    }
  }

  static #mixed(screen: MediaStream, voice: MediaStream): Capture {
    if (screen.getAudioTracks().length === 0) {
      return new Capture('screen', new MediaStream([...screen.getVideoTracks(), ...voice.getAudioTracks()]), [
        screen,
        voice,
      ]);
    }
    const mixer = new AudioContext();
    const output = mixer.createMediaStreamDestination();
    for (const source of [screen, voice]) mixer.createMediaStreamSource(source).connect(output);
    const tracks = [...screen.getVideoTracks(), ...output.stream.getAudioTracks()];
    return new Capture('screen', new MediaStream(tracks), [screen, voice], mixer);
  }

  get hasAudio(): boolean {
    return this.stream.getAudioTracks().length > 0;
  }

  /** Whether the picture still runs: not after the browser's own stop button. */
  get live(): boolean {
    return this.stream.getVideoTracks().some(({ readyState }) => readyState === 'live');
  }

  /** Hears the person stop sharing with the browser's own button; not {@link close}. */
  onEnded(listener: () => void): void {
    this.stream.getVideoTracks()[0]?.addEventListener('ended', listener, { once: true });
  }

  /** Stops sharing. */
  close(): void {
    [this.stream, ...this.#sources].forEach(stopTracks);
    // A context that is closed twice rejects; there is nothing left to do then.
    this.#mixer?.close().catch(() => undefined);
  }
}

function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
