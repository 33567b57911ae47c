// Whether the page runs and is visible: it may be hidden, frozen, in the back-forward cache, or on a sleeping computer.

/** Interval of checking that the page runs. */
const TICK_MS = 250;
/** A timer this late means that the page did not run: it was frozen, or the computer slept. */
const DID_NOT_RUN_MS = 3_000;

/** Events in the life of a page. */
export interface PageOwner {
  /** The page runs; called several times a second. */
  tick(): void;
  /** The page runs again, is visible again, or was hidden. */
  returned(): void;
  /** The page is about to be frozen. It would accept nothing then, and receive old media when it resumes. */
  leaves(): void;
  /** The network is back. */
  online(): void;
}

/** Watches the page. */
export class PageLife {
  readonly #owner: PageOwner;
  /** Wall clock, which runs while the computer sleeps. */
  #ranAtMs = Date.now();

  /** Calls `owner` until `signal` aborts. */
  constructor(signal: AbortSignal, owner: PageOwner) {
    this.#owner = owner;
    for (const event of ['visibilitychange', 'resume']) {
      document.addEventListener(event, () => this.#returned(), { signal });
    }
    addEventListener('pageshow', ({ persisted }) => persisted && this.#returned(), { signal });
    addEventListener('online', () => owner.online(), { signal });
    document.addEventListener('freeze', () => owner.leaves(), { signal });
    addEventListener('pagehide', ({ persisted }) => persisted && owner.leaves(), { signal });
    const timer = setInterval(() => this.#tick(), TICK_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Whether the page did not run until now. */
  get didNotRun(): boolean {
    return Date.now() - this.#ranAtMs > DID_NOT_RUN_MS;
  }

  #tick(): void {
    if (this.didNotRun) this.#returned();
    this.#ranAtMs = Date.now();
    this.#owner.tick();
  }

  #returned(): void {
    this.#ranAtMs = Date.now();
    this.#owner.returned();
  }
}
