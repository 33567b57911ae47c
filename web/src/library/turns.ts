// When a transfer may begin. What is played next has the line for itself: what follows it comes one after another, and downloads, a few at
// once, begin while nothing comes for playing. No DOM.

/** What a transfer is for. `play`: it is wanted now; `ahead`: it is played after what is wanted now. */
export type Priority = 'play' | 'ahead' | 'download';

const ORDER: readonly Priority[] = ['play', 'ahead', 'download'];
/** Downloads at once: more than one, so that the line is not idle between an answer and the next request. */
const DOWNLOADS = 4;

/** A place in the order. */
export interface Turn {
  /** Resolves when the transfer may begin; rejects where it ends before. */
  readonly begun: Promise<void>;
  /** It is wanted for something more urgent, too. */
  raise(priority: Priority): void;
  /** The transfer is complete, or no longer wanted. */
  end(): void;
}

interface Entry {
  priority: Priority;
  begin: () => void;
}

/** See the head of the file. */
export class Turns {
  readonly #waiting: Entry[] = [];
  readonly #running = new Set<Entry>();

  /** Waits for a turn; those with the same priority come in the order in which they asked. */
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
