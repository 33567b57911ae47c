// A list from the server that an element shows: loaded when the element appears and after every change.

import type { ReactiveController, ReactiveElement } from 'lit';
import { isSignedOut, refusalText } from '../../people/problems';
import { SessionOverEvent } from '../asking';

/** See the head of the file. */
export class Loading<T> implements ReactiveController {
  readonly #host: ReactiveElement;
  readonly #load: () => Promise<T>;
  #value: T | undefined;
  #problem = '';

  constructor(host: ReactiveElement, load: () => Promise<T>) {
    this.#host = host;
    this.#load = load;
    host.addController(this);
  }

  /** Undefined before the first answer. */
  get value(): T | undefined {
    return this.#value;
  }

  /** Why the last try failed; empty if it did not. */
  get problem(): string {
    return this.#problem;
  }

  hostConnected(): void {
    // The host has its properties only after its first render.
    void this.#host.updateComplete.then(() => this.load());
  }

  /** Loads it again; what was there stays until then. */
  async load(): Promise<void> {
    try {
      this.#value = await this.#load();
      this.#problem = '';
    } catch (error) {
      this.#problem = refusalText(error);
      if (isSignedOut(error)) this.#host.dispatchEvent(new SessionOverEvent());
    }
    this.#host.requestUpdate();
  }
}
