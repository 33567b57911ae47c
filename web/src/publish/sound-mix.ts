// One sound track made of tracks that come and go. It never ends and is silent while there is nothing to hear: recorders
// hold the picture back until sound of the same time has come, so a track that ends would stop the picture, too.

/** Mixes sound into {@link track}. */
export interface SoundMix {
  /** What is heard. */
  readonly track: MediaStreamTrack;
  add(track: MediaStreamTrack): void;
  /** Takes `track` out of the mix; it is not stopped. */
  remove(track: MediaStreamTrack): void;
  close(): void;
}

/** Newer than the DOM types of the compiler. */
interface SilentContextOptions extends AudioContextOptions {
  sinkId: { type: 'none' };
}

/** A mix by Web Audio. */
export class WebAudioMix implements SoundMix {
  readonly #context: AudioContext;
  readonly #output: MediaStreamAudioDestinationNode;
  readonly #silence: ConstantSourceNode;
  readonly #inputs = new Map<MediaStreamTrack, AudioNode>();
  readonly track: MediaStreamTrack;

  /** @throws DOMException where Web Audio cannot be used. */
  constructor() {
    // Not played here, so not tied to a loudspeaker: a headset is often unplugged together with its microphone.
    const options: SilentContextOptions = { sinkId: { type: 'none' } };
    this.#context = new AudioContext(options);
    this.#context.addEventListener('statechange', () => this.#keepRunning());
    this.#output = this.#context.createMediaStreamDestination();
    // An output without any input gives out nothing at all in some browsers, not silence.
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
    // A context that is closed twice rejects; there is nothing left to do then.
    this.#context.close().catch(() => undefined);
  }

  /** Phones interrupt sound for calls. */
  #keepRunning(): void {
    if (this.#context.state !== 'running' && this.#context.state !== 'closed') {
      this.#context.resume().catch(() => undefined);
    }
  }
}
