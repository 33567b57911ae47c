// What a form asked for, while it is done: one call at a time, and in words what went wrong.

import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { refusalText } from '../../people/problems';

type Action = () => Promise<void>;
type Words = (error: unknown) => string;

/** See the head of the file. */
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

  /** What went wrong last; empty before that. */
  get problem(): string {
    return this.#problem;
  }

  /** Does it, unless something is being done. True when it worked. */
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

  /** Forgets what went wrong. */
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
