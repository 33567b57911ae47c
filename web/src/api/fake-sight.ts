// A page that tests hide and show.

import type { Sight } from '../browser/sight';

/** See the head of the file. */
export class FakeSight implements Sight {
  visible = true;
  readonly #listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  show(visible: boolean): void {
    this.visible = visible;
    [...this.#listeners].forEach((listener) => listener());
  }
}
