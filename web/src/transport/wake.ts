// Lets one loop sleep until something happens. Any number of wake-ups before or during the sleep count as one.

/** A signal that one loop waits for and anyone can send. */
export class Wake {
  #rung = false;
  #resolve: (() => void) | undefined;

  /** Ends the current wait, or the next one before it begins. */
  ring(): void {
    this.#rung = true;
    this.#resolve?.();
  }

  /** Waits for the signal, at most `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#resolve = undefined;
    }
    this.#rung = false;
  }
}
