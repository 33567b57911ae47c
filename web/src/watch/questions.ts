// What the page of a stream asks of the main server now and then, and when it stops: a stream that is over has no news, and
// one that is locked tells none. The node tells that a stream is over only to viewers it serves, so the answers count too:
// a viewer who paused has left the node.

import { Poll } from '../api/poll';
import { pageSight, type Sight } from '../browser/sight';
import { CallError } from '../protocol/error';
import type { StreamInfo } from '../protocol/stream';
import type { WatchPhase } from './session/state';

/**
 * Time between questions: long, because ten thousand viewers are ten thousand pages that ask. State and viewers of its own
 * node each page hears from that node.
 */
const LOOK_MS = 120_000;
const LOOK_AROUND_MS = 300_000;

/** Phases in which nothing is asked. */
const QUIET: readonly WatchPhase[] = ['ended', 'not_found', 'locked', 'uninvited'];

/** See the head of the file. */
export class Questions {
  readonly #look: () => Promise<StreamInfo>;
  readonly #lookAround: () => Promise<void>;
  readonly #sight: Sight;
  #polls: Poll[] = [];
  #over = false;

  /** `look` asks for the stream, `lookAround` for the others that are live. Nothing is asked before {@link start}. */
  constructor(look: () => Promise<StreamInfo>, lookAround: () => Promise<void>, sight: Sight = pageSight) {
    this.#look = look;
    this.#lookAround = lookAround;
    this.#sight = sight;
  }

  /** Asks at once, and then now and then. Does nothing while it does so already, or once the stream is over. */
  start(): void {
    if (this.#over || this.#polls.length > 0) return;
    const asks = [
      [LOOK_MS, () => this.#ask()],
      [LOOK_AROUND_MS, this.#lookAround],
    ] as const;
    this.#polls = asks.map(([everyMs, look]) => new Poll(everyMs, look, this.#sight));
  }

  /** Asks no more until {@link start}. */
  stop(): void {
    this.#polls.forEach((poll) => poll.stop());
    this.#polls = [];
  }

  /** Watching is in this phase now. */
  heard(phase: WatchPhase): void {
    if (QUIET.includes(phase)) this.stop();
    else this.start();
  }

  async #ask(): Promise<void> {
    try {
      this.#over = (await this.#look()).state === 'ended';
    } catch (error) {
      this.#over = error instanceof CallError && error.code === 'unknown_stream';
      throw error;
    } finally {
      if (this.#over) this.stop();
    }
  }
}
