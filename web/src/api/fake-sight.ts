// The visibility of a page, controlled by the test.

import type { Sight } from '../browser/sight';

/** A page that tests hide and show. */
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
