// Captures picture and sound from the browser. Screens are captured without the voice processing that browsers enable
// by default: it makes the sound of a shared tab quiet, mono and gated.

import { canPlayStreams } from '../watch/playback/mse/media-source';
import type { Abilities, SourceKind } from './problems';
import { same, type Size } from './size';
import { WebAudioMix, type SoundMix } from './sound-mix';

// Missing in the compiler's DOM types.
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
  audio: UNPROCESSED_SOUND,
  selfBrowserSurface: 'include',
  surfaceSwitching: 'include',
  systemAudio: 'include',
};

const CAMERA: MediaStreamConstraints = {
  video: { frameRate: FRAME_RATE, width: { ideal: 1280 }, height: { ideal: 720 } },
};

/** The browser scales during capture, which is cheapest and follows changes of a window's size. */
function screenConstraints({ width, height }: Size): MediaTrackConstraints {
  return { frameRate: FRAME_RATE, width: { max: width }, height: { max: height } };
}

/** What this browser offers. */
export function abilities(): Abilities {
  // Missing on insecure addresses, whatever the types say.
  const devices = navigator.mediaDevices as Partial<MediaDevices> | undefined;
  return {
    secureContext: isSecureContext,
    screen: typeof devices?.getDisplayMedia === 'function',
    camera: typeof devices?.getUserMedia === 'function',
    recorder: typeof MediaRecorder === 'function',
    player: canPlayStreams(),
  };
}

/** Events of a capture that its owner did not cause. */
export type CaptureEvent =
  /** The picture ended: the shared tab was closed, the browser's stop button was pressed, or a camera was unplugged. */
  | 'ended'
  /** The source's own sound ended; the picture continues. */
  | 'sound_ended'
  /** The microphone is gone; the rest continues. */
  | 'voice_ended'
  /** {@link Capture.stream} was replaced: the recorder must restart. */
  | 'tracks'
  /** {@link Capture.voice} or {@link Capture.stands} changed. */
  | 'changed';

/** State of the microphone. `muted`: on, but silenced by the system or the device. */
export type Voice = 'off' | 'asking' | 'on' | 'muted';

/** What a capture needs from the browser; tests pass their own. */
export interface CaptureParts {
  askForVoice(): Promise<MediaStream>;
  createMix(): SoundMix;
  /** Fires when devices come or go; missing on insecure addresses. */
  devices: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> | undefined;
}

const BROWSER: CaptureParts = {
  askForVoice: () => navigator.mediaDevices.getUserMedia({ audio: true }),
  createMix: () => new WebAudioMix(),
  get devices() {
    return navigator.mediaDevices;
  },
};

/** When a source ends, all its tracks end within this time. */
const SOURCE_ENDS_WITHIN_MS = 200;
/** A muted source whose picture is frozen for this long is reported. */
const STANDS_AFTER_MS = 3_000;

/** A running capture: one picture track, at most one sound track. It must be closed, or the browser keeps sharing. */
export class Capture {
  readonly kind: SourceKind;
  readonly #source: MediaStream;
  readonly #parts: CaptureParts;
  #stream: MediaStream;
  /** Live tracks of the source's own sound. */
  readonly #sound: Set<MediaStreamTrack>;
  #voice: MediaStreamTrack | undefined;
  #voiceMuted = false;
  /** The last request; a microphone granted later obeys it. */
  #wantsVoice = false;
  #asking = false;
  #stands = false;
  #standsTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #mix: SoundMix | undefined;
  #limit: Size | undefined;
  #listener: (event: CaptureEvent) => void = () => undefined;

  /** Takes ownership of `source`. */
  constructor(kind: SourceKind, source: MediaStream, parts: CaptureParts = BROWSER) {
    this.kind = kind;
    this.#source = source;
    this.#stream = source;
    this.#parts = parts;
    for (const track of source.getVideoTracks()) {
      track.addEventListener('ended', () => this.#tell('ended'));
      track.addEventListener('mute', () => this.#pictureMuted(true));
      track.addEventListener('unmute', () => this.#pictureMuted(false));
    }
    this.#sound = new Set(source.getAudioTracks());
    for (const track of this.#sound) track.addEventListener('ended', () => this.#soundEnded(track));
    parts.devices?.addEventListener('devicechange', this.#devicesChanged);
  }

  /**
   * Asks the person for a source, with pictures within `limit` if it is a screen. Needs a click or key press just
   * before.
   *
   * @throws DOMException as `getDisplayMedia` and `getUserMedia` do: `NotAllowedError` when the person declined.
   */
  static async start(kind: SourceKind, limit: Size): Promise<Capture> {
    const devices = navigator.mediaDevices;
    const asked =
      kind === 'camera'
        ? devices.getUserMedia(CAMERA)
        : devices.getDisplayMedia({ ...SCREEN, video: screenConstraints(limit) });
    const capture = new Capture(kind, await asked);
    capture.#limit = limit;
    return capture;
  }

  /** The stream to show and record. The object changes after `tracks` and some calls of {@link setMicrophone}. */
  get stream(): MediaStream {
    return this.#stream;
  }

  get hasAudio(): boolean {
    return this.#stream.getAudioTracks().length > 0;
  }

  /** Whether the stream includes the source's own sound: that of a tab, the system or a camera. */
  get hasOwnSound(): boolean {
    return this.#sound.size > 0;
  }

  /** Whether the picture still runs; false after the browser's own stop button. */
  get live(): boolean {
    return this.#source.getVideoTracks().some(({ readyState }) => readyState === 'live');
  }

  /** Whether the source currently gives no pictures, such as a minimised window. */
  get stands(): boolean {
    return this.#stands;
  }

  get voice(): Voice {
    if (this.#asking && this.#wantsVoice) return 'asking';
    if (this.#voice === undefined || !this.#wantsVoice) return 'off';
    return this.#voiceMuted ? 'muted' : 'on';
  }

  /**
   * Adds the microphone, mixed with the source's own sound, or silences it. Returns whether the tracks changed, so that
   * the recorder must restart.
   *
   * @throws DOMException as `getUserMedia` does; the capture continues unchanged.
   */
  async setMicrophone(on: boolean): Promise<boolean> {
    this.#wantsVoice = on;
    if (this.#voice !== undefined || !on || this.#asking) {
      if (this.#voice) this.#voice.enabled = on;
      this.#tell('changed');
      return false;
    }
    this.#asking = true;
    this.#tell('changed');
    try {
      return this.#addVoice(await this.#parts.askForVoice());
    } finally {
      this.#asking = false;
      this.#tell('changed');
    }
  }

  /**
   * Asks a screen for pictures within `size`. Some sources ignore this, so pictures are scaled again before recording.
   */
  limit(size: Size): void {
    // A camera would crop an upright picture.
    if (this.kind === 'camera' || same(size, this.#limit)) return;
    this.#limit = size;
    const constraints = { ...screenConstraints(size), resizeMode: 'none' };
    for (const track of this.#source.getVideoTracks()) track.applyConstraints(constraints).catch(() => undefined);
  }

  /** Sets the listener for events other than {@link close}. */
  onEvent(listener: (event: CaptureEvent) => void): void {
    this.#listener = listener;
  }

  /** Stops sharing. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#standsTimer);
    this.#parts.devices?.removeEventListener('devicechange', this.#devicesChanged);
    for (const stream of [this.#stream, this.#source]) stream.getTracks().forEach((track) => track.stop());
    this.#voice?.stop();
    this.#mix?.close();
  }

  /** The capture may have been closed, or the microphone switched off, while the person was asked. */
  #addVoice(voice: MediaStream): boolean {
    const [track] = voice.getAudioTracks();
    if (this.#closed || !track) {
      voice.getTracks().forEach((given) => given.stop());
      return false;
    }
    track.enabled = this.#wantsVoice;
    track.addEventListener('ended', () => this.#voiceEnded(track));
    for (const [event, muted] of MUTES) {
      track.addEventListener(event, () => {
        this.#voiceMuted = muted;
        this.#tell('changed');
      });
    }
    this.#voice = track;
    this.#voiceMuted = track.muted;
    if (this.#mix) {
      this.#mix.add(track);
      return false;
    }
    try {
      this.#mixSound();
    } catch (error) {
      this.#voice = undefined;
      track.stop();
      throw error;
    }
    return true;
  }

  #voiceEnded(track: MediaStreamTrack): void {
    if (this.#voice !== track) return;
    this.#voice = undefined;
    this.#wantsVoice = false;
    this.#mix?.remove(track);
    this.#tell('voice_ended');
  }

  #soundEnded(track: MediaStreamTrack): void {
    if (!this.#sound.delete(track)) return;
    this.#mix?.remove(track);
    // The sound of a closing tab ends shortly before its picture.
    setTimeout(() => this.#goOnWithoutSound(), SOURCE_ENDS_WITHIN_MS);
  }

  #goOnWithoutSound(): void {
    if (this.#closed) return;
    this.#tell('sound_ended');
    if (this.#mix) return;
    try {
      // Silence keeps the set of tracks, so that viewers' players need no restart.
      this.#mixSound();
    } catch {
      this.#stream = new MediaStream(this.#source.getVideoTracks());
    }
    this.#tell('tracks');
  }

  /** From now on the sound is a mix, which outlives its inputs. */
  #mixSound(): void {
    const mix = this.#parts.createMix();
    for (const track of this.#sound) mix.add(track);
    if (this.#voice) mix.add(this.#voice);
    this.#mix = mix;
    this.#stream = new MediaStream([...this.#source.getVideoTracks(), mix.track]);
  }

  #pictureMuted(muted: boolean): void {
    clearTimeout(this.#standsTimer);
    const tell = (): void => {
      this.#stands = muted;
      this.#tell('changed');
    };
    if (muted) this.#standsTimer = setTimeout(tell, STANDS_AFTER_MS);
    else if (this.#stands) tell();
  }

  /** Some systems remove a device without ending its track. */
  readonly #devicesChanged = (): void => {
    for (const track of this.#sound) if (track.readyState === 'ended') this.#soundEnded(track);
    if (this.#voice?.readyState === 'ended') this.#voiceEnded(this.#voice);
    if (!this.live) this.#tell('ended');
  };

  #tell(event: CaptureEvent): void {
    if (!this.#closed) this.#listener(event);
  }
}

const MUTES = [
  ['mute', true],
  ['unmute', false],
] as const;
