// Whether the person is active at the player: the controls disappear when the pointer rests, unless they have the
// focus.

import type { ReactiveController, ReactiveElement } from 'lit';

/** The controls disappear when the pointer rests for this long. */
const REST_MS = 2_600;

/** Tracks the person's activity. */
export class Activity implements ReactiveController {
  readonly #host: ReactiveElement;
  #active = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ReactiveElement) {
    this.#host = host;
    host.addController(this);
  }

  get active(): boolean {
    return this.#active;
  }

  /** The person did something. */
  readonly stir = (): void => {
    this.#become(true);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.rest, REST_MS);
  };

  /** The person does nothing. */
  readonly rest = (): void => {
    const focused = this.#host.shadowRoot?.activeElement;
    this.#become(focused?.matches(':has(:focus-visible), :focus-visible') ?? false);
  };

  hostDisconnected(): void {
    clearTimeout(this.#timer);
  }

  #become(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    this.#host.requestUpdate();
  }
}
