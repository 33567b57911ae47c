// Timers that keep their time while the page is in the background: those of a page come once a second there, or once a minute, those
// of a worker do not.

/** See the head of the file. */
export interface Timers {
  /** Calls `action` in `ms`; the returned function takes it back. */
  after(ms: number, action: () => void): () => void;
  close(): void;
}

/** In a worker of the page. */
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
