// What is shared: asks for a source and for the microphone, one at a time, and knows what became of them. No DOM.

import { Capture, type CaptureEvent } from './capture';
import {
  NO_MICROPHONE,
  SOURCE_ENDED,
  captureProblem,
  obstacle,
  type Abilities,
  type Problem,
  type SourceKind,
} from './problems';
import { quality, type Settings } from './settings';
import type { Size } from './size';

/** What sources need of their owner. */
export interface SourcesOwner {
  /** As chosen now. */
  settings(): Settings;
  /** The microphone was switched off, because there is none. */
  withoutMicrophone(): void;
  /** Whether there is still a use for a source that the person was asked for. */
  wanted(): boolean;
  /** Another capture, none, or the same with other tracks. */
  replaced(capture: Capture | undefined): void;
  /** What is told to be wrong now, and that something else is, or nothing. */
  problem(): Problem | undefined;
  tell(problem: Problem | undefined): void;
  /** Anything that is shown changed. */
  changed(): void;
}

/** Asks the person for a source with pictures within a limit; see {@link Capture.start}. */
export type StartCapture = (kind: SourceKind, limit: Size) => Promise<Capture>;

/** See the head of the file. */
export class Sources {
  readonly #owner: SourcesOwner;
  readonly #abilities: Abilities;
  readonly #start: StartCapture;
  #capture: Capture | undefined;
  /** What the capture lost meanwhile. */
  #lost: 'microphone' | 'sound' | undefined;
  /** The choice that is under way. */
  #choice: Promise<boolean> | undefined;

  constructor(
    owner: SourcesOwner,
    abilities: Abilities,
    start: StartCapture = (kind, limit) => Capture.start(kind, limit),
  ) {
    this.#owner = owner;
    this.#abilities = abilities;
    this.#start = start;
  }

  get capture(): Capture | undefined {
    return this.#capture;
  }

  get lost(): 'microphone' | 'sound' | undefined {
    return this.#lost;
  }

  /** The person is being asked. */
  get choosing(): boolean {
    return this.#choice !== undefined;
  }

  /** Asks for a source. True if there is one now. Only one is asked for at a time. */
  async choose(kind: SourceKind): Promise<boolean> {
    this.#choice ??= this.#ask(kind);
    this.#owner.changed();
    try {
      return await this.#choice;
    } finally {
      this.#choice = undefined;
      this.#owner.changed();
    }
  }

  /** Shares `capture` from now on; none stops sharing. */
  set(capture: Capture | undefined): void {
    this.#capture?.close();
    this.#capture = capture;
    this.#lost = undefined;
    capture?.onEvent((event) => {
      if (this.#capture === capture) this.#captureChanged(capture, event);
    });
    this.#owner.replaced(capture);
    this.#owner.changed();
  }

  /** The person switched the microphone. */
  async microphoneChanged(): Promise<void> {
    const capture = this.#capture;
    const { microphone } = this.#owner.settings();
    if (microphone && this.#lost === 'microphone') this.#lost = undefined;
    if (this.#owner.problem() === NO_MICROPHONE) this.#owner.tell(undefined);
    this.#owner.changed();
    if (!capture || !(await this.#setMicrophone(capture, microphone))) return;
    if (this.#capture === capture) this.#captureChanged(capture, 'tracks');
  }

  async #ask(kind: SourceKind): Promise<boolean> {
    const problem = obstacle(kind, this.#abilities);
    this.#owner.tell(problem);
    if (problem) return false;
    try {
      const { quality: name, microphone } = this.#owner.settings();
      const capture = await this.#start(kind, quality(name).size);
      await this.#setMicrophone(capture, microphone);
      return await this.#take(capture);
    } catch (error) {
      const stillShares = error instanceof DOMException && error.name === 'NotAllowedError' && this.#capture?.live;
      if (!stillShares) this.#owner.tell(captureProblem(kind, error));
      return false;
    }
  }

  async #take(capture: Capture): Promise<boolean> {
    if (!this.#owner.wanted()) {
      capture.close();
      return false;
    }
    // Switched off while it was asked for: nothing knew of the capture then.
    if (!this.#owner.settings().microphone) await capture.setMicrophone(false);
    if (!capture.live) {
      capture.close();
      this.#owner.tell(SOURCE_ENDED);
      return false;
    }
    this.set(capture);
    return true;
  }

  /** Switches the microphone of `capture`. True if what records has to begin anew. */
  async #setMicrophone(capture: Capture, on: boolean): Promise<boolean> {
    try {
      return await capture.setMicrophone(on);
    } catch {
      this.#owner.withoutMicrophone();
      this.#owner.tell(NO_MICROPHONE);
      return false;
    }
  }

  #captureChanged(capture: Capture, event: CaptureEvent): void {
    switch (event) {
      case 'ended':
        this.set(undefined);
        break;
      case 'tracks':
        this.#owner.replaced(capture);
        break;
      case 'voice_ended':
        this.#owner.withoutMicrophone();
        this.#lost = 'microphone';
        break;
      case 'sound_ended':
        this.#lost = 'sound';
        break;
      case 'changed':
        break;
    }
    this.#owner.changed();
  }
}
