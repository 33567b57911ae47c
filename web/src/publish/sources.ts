// The shared source: asks for a source and for the microphone, one at a time, and tracks what happens to them. No DOM.

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

/** Callbacks of sources into their owner. */
export interface SourcesOwner {
  /** The current settings. */
  settings(): Settings;
  /** The microphone was switched off because there is none. */
  withoutMicrophone(): void;
  /** Whether a source that the person was asked for is still needed. */
  wanted(): boolean;
  /** The capture changed, ended, or has other tracks. */
  replaced(capture: Capture | undefined): void;
  /** Reads and replaces the displayed problem. */
  problem(): Problem | undefined;
  tell(problem: Problem | undefined): void;
  /** Displayed state changed. */
  changed(): void;
}

/** Asks the person for a source with pictures within a limit; see {@link Capture.start}. */
export type StartCapture = (kind: SourceKind, limit: Size) => Promise<Capture>;

/** The current capture and the requests for it. */
export class Sources {
  readonly #owner: SourcesOwner;
  readonly #abilities: Abilities;
  readonly #start: StartCapture;
  #capture: Capture | undefined;
  /** What the capture lost since. */
  #lost: 'microphone' | 'sound' | undefined;
  /** The pending choice. */
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

  /** Whether the person is being asked. */
  get choosing(): boolean {
    return this.#choice !== undefined;
  }

  /** Asks for a source, one at a time. Returns whether there is one now. */
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

  /** Shares `capture` from now on; undefined stops sharing. */
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

  /** Applies that the person switched the microphone. */
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
    // The person switched it off while it was requested, when the capture was not set yet.
    if (!this.#owner.settings().microphone) await capture.setMicrophone(false);
    if (!capture.live) {
      capture.close();
      this.#owner.tell(SOURCE_ENDED);
      return false;
    }
    this.set(capture);
    return true;
  }

  /** Switches the microphone of `capture`. Returns whether the recorder must restart. */
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
