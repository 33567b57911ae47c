// The state of a form's submission: one call at a time, and the error as text.

import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { refusalText } from '../../people/problems';

type Action = () => Promise<void>;
type Words = (error: unknown) => string;

/** Runs the calls of one form. */
export class Submission implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  #busy = false;
  #problem = '';

  constructor(host: ReactiveControllerHost) {
    this.#host = host;
    host.addController(this);
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** The last error; empty if there is none. */
  get problem(): string {
    return this.#problem;
  }

  /** Runs `action`, unless one is running. Returns whether it succeeded. */
  async run(action: Action, words: Words = refusalText): Promise<boolean> {
    if (this.#busy) return false;
    this.#show(true, '');
    try {
      await action();
      this.#show(false, '');
      return true;
    } catch (error) {
      this.#show(false, words(error));
      return false;
    }
  }

  /** Clears the error. */
  clear(): void {
    this.#show(this.#busy, '');
  }

  hostDisconnected(): void {
    this.#busy = false;
  }

  #show(busy: boolean, problem: string): void {
    this.#busy = busy;
    this.#problem = problem;
    this.#host.requestUpdate();
  }
}
