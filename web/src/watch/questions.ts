// The main server requests of a stream's page, and when they stop: a stream that ended has no news, and a locked one
// tells none. Nodes report the end of a stream only to their viewers, so the answers count too: a viewer who paused has
// left the node.

import { Poll } from '../api/poll';
import { pageSight, type Sight } from '../browser/sight';
import { CallError } from '../protocol/error';
import type { StreamInfo } from '../protocol/stream';
import type { WatchPhase } from './session/state';

/**
 * Interval of polls: long, because ten thousand viewers are ten thousand polling pages. The node reports the state and
 * its own viewers.
 */
const LOOK_MS = 120_000;
const LOOK_AROUND_MS = 300_000;

/** Phases without polling. */
const QUIET: readonly WatchPhase[] = ['ended', 'not_found', 'locked', 'uninvited'];

/** Polls the main server about one stream. */
export class Questions {
  readonly #look: () => Promise<StreamInfo>;
  readonly #lookAround: () => Promise<void>;
  readonly #sight: Sight;
  #polls: Poll[] = [];
  #over = false;

  /** `look` fetches the stream, `lookAround` the other live streams. Nothing is fetched before {@link start}. */
  constructor(look: () => Promise<StreamInfo>, lookAround: () => Promise<void>, sight: Sight = pageSight) {
    this.#look = look;
    this.#lookAround = lookAround;
    this.#sight = sight;
  }

  /** Starts polling, at once and then at intervals. Does nothing while it is running or after the stream ended. */
  start(): void {
    if (this.#over || this.#polls.length > 0) return;
    const asks = [
      [LOOK_MS, () => this.#ask()],
      [LOOK_AROUND_MS, this.#lookAround],
    ] as const;
    this.#polls = asks.map(([everyMs, look]) => new Poll(everyMs, look, this.#sight));
  }

  /** Stops polling until {@link start}. */
  stop(): void {
    this.#polls.forEach((poll) => poll.stop());
    this.#polls = [];
  }

  /** The phase of watching changed. */
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
