// Timers that stay exact in background pages. Browsers slow the timers of such a page to one per second or minute, but
// not those of a worker.

/** One-shot timers. */
export interface Timers {
  /** Calls `action` in `ms`; the returned function cancels it. */
  after(ms: number, action: () => void): () => void;
  close(): void;
}

/** Timers in a worker of the page. */
export class WorkerTimers implements Timers {
  readonly #worker = new Worker(new URL('./timer-worker.ts', import.meta.url), { type: 'module' });
  readonly #actions = new Map<number, () => void>();
  #made = 0;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<number>) => {
      const action = this.#actions.get(data);
      this.#actions.delete(data);
      action?.();
    };
  }

  after(ms: number, action: () => void): () => void {
    const id = ++this.#made;
    this.#actions.set(id, action);
    this.#worker.postMessage({ id, ms });
    return () => this.#actions.delete(id);
  }

  close(): void {
    this.#actions.clear();
    this.#worker.terminate();
  }
}
