// Loads a list from the server when an element appears and after every change.

import type { ReactiveController, ReactiveElement } from 'lit';
import { isSignedOut, refusalText } from '../../people/problems';
import { SessionOverEvent } from '../asking';

/** The loaded value of one element. */
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

  /** Why the last try failed; empty after success. */
  get problem(): string {
    return this.#problem;
  }

  hostConnected(): void {
    // The host has its properties only after its first render.
    void this.#host.updateComplete.then(() => this.load());
  }

  /** Loads again; the old value stays until then. */
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
