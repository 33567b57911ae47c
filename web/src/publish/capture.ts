// Getting a picture and sound from the browser. Screens come with the processing off that browsers switch on for
// voices: it turns the sound of a shared tab into a mono, gated whisper of itself.

import { canPlayStreams } from '../watch/playback/mse/media-source';
import type { Abilities, SourceKind } from './problems';
import { same, type Size } from './size';
import { WebAudioMix, type SoundMix } from './sound-mix';

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
  audio: UNPROCESSED_SOUND,
  selfBrowserSurface: 'include',
  surfaceSwitching: 'include',
  systemAudio: 'include',
};

const CAMERA: MediaStreamConstraints = {
  video: { frameRate: FRAME_RATE, width: { ideal: 1280 }, height: { ideal: 720 } },
};

/** Scaled by the browser as it captures, which costs least, and again when a window changes its size. */
function screenConstraints({ width, height }: Size): MediaTrackConstraints {
  return { frameRate: FRAME_RATE, width: { max: width }, height: { max: height } };
}

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

/** What happened to a capture by itself. */
export type CaptureEvent =
  /** The picture is over: the shared tab was closed, the browser's own stop button, a camera unplugged. */
  | 'ended'
  /** The source's own sound is over; the picture goes on. */
  | 'sound_ended'
  /** The microphone is gone; the rest goes on. */
  | 'voice_ended'
  /** {@link Capture.stream} is another one: what records has to begin anew. */
  | 'tracks'
  /** {@link Capture.voice} or {@link Capture.stands} is another one. */
  | 'changed';

/** The microphone as it is. `muted`: on, but the system or the device silences it. */
export type Voice = 'off' | 'asking' | 'on' | 'muted';

/** What a capture needs of the browser; tests bring their own. */
export interface CaptureParts {
  askForVoice(): Promise<MediaStream>;
  createMix(): SoundMix;
  /** Tells when devices come or go; missing on insecure addresses. */
  devices: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> | undefined;
}

const BROWSER: CaptureParts = {
  askForVoice: () => navigator.mediaDevices.getUserMedia({ audio: true }),
  createMix: () => new WebAudioMix(),
  get devices() {
    return navigator.mediaDevices;
  },
};

/** Within so long all tracks of a source end that is over. */
const SOURCE_ENDS_WITHIN_MS = 200;
/** A picture that stands still for this long because its source is muted is worth a notice. */
const STANDS_AFTER_MS = 3_000;

/** A running capture: one picture track, at most one sound track. Close it, or the browser goes on sharing. */
export class Capture {
  readonly kind: SourceKind;
  readonly #source: MediaStream;
  readonly #parts: CaptureParts;
  #stream: MediaStream;
  /** The source's own sound, as far as it runs. */
  readonly #sound: Set<MediaStreamTrack>;
  #voice: MediaStreamTrack | undefined;
  #voiceMuted = false;
  /** What was asked for last; a microphone that is given later obeys it. */
  #wantsVoice = false;
  #asking = false;
  #stands = false;
  #standsTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #mix: SoundMix | undefined;
  #limit: Size | undefined;
  #listener: (event: CaptureEvent) => void = () => undefined;

  /** Takes over `source`. */
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
   * Asks the person for a source, if it is a screen with pictures within `limit`. Needs a click or key press just before.
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

  /** What to show and record. Another object after `tracks` and some {@link setMicrophone}. */
  get stream(): MediaStream {
    return this.#stream;
  }

  get hasAudio(): boolean {
    return this.#stream.getAudioTracks().length > 0;
  }

  /** Whether the source's own sound is in it: that of a tab or the system, or a camera's. */
  get hasOwnSound(): boolean {
    return this.#sound.size > 0;
  }

  /** Whether the picture still runs: not after the browser's own stop button. */
  get live(): boolean {
    return this.#source.getVideoTracks().some(({ readyState }) => readyState === 'live');
  }

  /** Whether the source gives no pictures for the time being, as a window that is minimised. */
  get stands(): boolean {
    return this.#stands;
  }

  get voice(): Voice {
    if (this.#asking && this.#wantsVoice) return 'asking';
    if (this.#voice === undefined || !this.#wantsVoice) return 'off';
    return this.#voiceMuted ? 'muted' : 'on';
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

  /** Asks a screen for pictures within `size`. Not every source obeys, so they are scaled again before they are recorded. */
  limit(size: Size): void {
    // A camera would cut a part out of an upright picture.
    if (this.kind === 'camera' || same(size, this.#limit)) return;
    this.#limit = size;
    const constraints = { ...screenConstraints(size), resizeMode: 'none' };
    for (const track of this.#source.getVideoTracks()) track.applyConstraints(constraints).catch(() => undefined);
  }

  /** Hears what happens by itself; not {@link close}. */
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

  /** Much may have happened while the person was asked: the capture closed, the microphone no longer wanted. */
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
    // The sound of a tab that is closed ends a moment before its picture.
    setTimeout(() => this.#goOnWithoutSound(), SOURCE_ENDS_WITHIN_MS);
  }

  #goOnWithoutSound(): void {
    if (this.#closed) return;
    this.#tell('sound_ended');
    if (this.#mix) return;
    try {
      // Silence in its place keeps the kinds of tracks, so that viewers' players go on with what they have.
      this.#mixSound();
    } catch {
      this.#stream = new MediaStream(this.#source.getVideoTracks());
    }
    this.#tell('tracks');
  }

  /** From now on the sound is a mix, which outlives its parts. */
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

  /** Some systems take a device away without a word about its track. */
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
