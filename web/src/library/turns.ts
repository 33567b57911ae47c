// Schedules transfers. The piece needed for playing has the line to itself, the following pieces come one after
// another, and downloads, a few at once, start while nothing is fetched for playing. No DOM.

/** The purpose of a transfer. `play`: needed now; `ahead`: played later. */
export type Priority = 'play' | 'ahead' | 'download';

const ORDER: readonly Priority[] = ['play', 'ahead', 'download'];
/** Parallel downloads: more than one, so that the line is not idle between an answer and the next request. */
const DOWNLOADS = 4;

/** A place in the schedule. */
export interface Turn {
  /** Resolves when the transfer may begin; rejects if it ends before. */
  readonly begun: Promise<void>;
  /** Raises the priority, because it is needed for something more urgent too. */
  raise(priority: Priority): void;
  /** The transfer is complete, or no longer needed. */
  end(): void;
}

interface Entry {
  priority: Priority;
  begin: () => void;
}

/** The schedule of one item's transfers. */
export class Turns {
  readonly #waiting: Entry[] = [];
  readonly #running = new Set<Entry>();

  /** Waits for a turn; equal priorities are served in order. */
  take(priority: Priority): Turn {
    const entry: Entry = { priority, begin: () => undefined };
    let refuse: (why: Error) => void = () => undefined;
    const begun = new Promise<void>((resolve, reject) => {
      entry.begin = resolve;
      refuse = reject;
    });
    this.#waiting.push(entry);
    this.#next();
    return {
      begun,
      raise: (to) => {
        if (ORDER.indexOf(to) < ORDER.indexOf(entry.priority)) entry.priority = to;
        this.#next();
      },
      end: () => {
        const place = this.#waiting.indexOf(entry);
        if (place >= 0) this.#waiting.splice(place, 1);
        refuse(new DOMException('closed before it began', 'AbortError'));
        if (this.#running.delete(entry)) this.#next();
      },
    };
  }

  #next(): void {
    for (;;) {
      const next = ORDER.map((priority) => this.#waiting.find((entry) => entry.priority === priority)).find(
        (entry) => entry !== undefined,
      );
      if (next === undefined || !this.#mayBegin(next.priority)) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#running.add(next);
      next.begin();
    }
  }

  #mayBegin(priority: Priority): boolean {
    if (priority === 'play') return true;
    const downloads = [...this.#running].filter((entry) => entry.priority === 'download').length;
    const isPlaying = this.#running.size > downloads;
    return !isPlaying && (priority === 'ahead' || downloads < DOWNLOADS);
  }
}
