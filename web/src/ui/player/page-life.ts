// Whether the page runs and is seen: it may be hidden, frozen, kept for going back to, or on a computer that sleeps.

/** How often the page is found to run. */
const TICK_MS = 250;
/** A timer this late means that the page did not run: it was frozen, or the computer slept. */
const DID_NOT_RUN_MS = 3_000;

/** What happens to a page. */
export interface PageOwner {
  /** The page runs: several times a second. */
  tick(): void;
  /** It runs again after it did not, or is seen again, or is hidden. */
  returned(): void;
  /** It is about to be frozen: it would take nothing, and be handed old media when it is back. */
  leaves(): void;
  /** The network is back. */
  online(): void;
}

/** See the head of the file. */
export class PageLife {
  readonly #owner: PageOwner;
  /** Wall clock, which goes on while the computer sleeps. */
  #ranAtMs = Date.now();

  /** Tells until `signal` aborts. */
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
