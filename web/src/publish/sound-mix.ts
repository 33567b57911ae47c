// One sound track mixed from tracks that come and go. It never ends, and is silent without inputs: recorders hold the
// picture back until sound of the same time has arrived, so a track that ends would stop the picture too.

/** Mixes sound into {@link track}. */
export interface SoundMix {
  /** The mixed sound. */
  readonly track: MediaStreamTrack;
  add(track: MediaStreamTrack): void;
  /** Removes `track` from the mix without stopping it. */
  remove(track: MediaStreamTrack): void;
  close(): void;
}

/** Missing in the compiler's DOM types. */
interface SilentContextOptions extends AudioContextOptions {
  sinkId: { type: 'none' };
}

/** A mix made by Web Audio. */
export class WebAudioMix implements SoundMix {
  readonly #context: AudioContext;
  readonly #output: MediaStreamAudioDestinationNode;
  readonly #silence: ConstantSourceNode;
  readonly #inputs = new Map<MediaStreamTrack, AudioNode>();
  readonly track: MediaStreamTrack;

  /** @throws DOMException if Web Audio is unavailable. */
  constructor() {
    // It has no loudspeaker, because a headset is often unplugged together with its microphone.
    const options: SilentContextOptions = { sinkId: { type: 'none' } };
    this.#context = new AudioContext(options);
    this.#context.addEventListener('statechange', () => this.#keepRunning());
    this.#output = this.#context.createMediaStreamDestination();
    // In some browsers an output without inputs delivers nothing instead of silence.
    this.#silence = new ConstantSourceNode(this.#context, { offset: 0 });
    this.#silence.connect(this.#output);
    this.#silence.start();
    const [track] = this.#output.stream.getAudioTracks();
    if (!track) throw new DOMException('no mixed track', 'NotSupportedError');
    this.track = track;
  }

  add(track: MediaStreamTrack): void {
    const input = this.#context.createMediaStreamSource(new MediaStream([track]));
    input.connect(this.#output);
    this.#inputs.set(track, input);
    this.#keepRunning();
  }

  remove(track: MediaStreamTrack): void {
    this.#inputs.get(track)?.disconnect();
    this.#inputs.delete(track);
  }

  close(): void {
    this.track.stop();
    // Closing a context twice rejects; that needs no handling.
    this.#context.close().catch(() => undefined);
  }

  /** Resumes the context, because phones interrupt sound for calls. */
  #keepRunning(): void {
    if (this.#context.state !== 'running' && this.#context.state !== 'closed') {
      this.#context.resume().catch(() => undefined);
    }
  }
}
