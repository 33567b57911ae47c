// Keeps the clock of the current node up to date, and uses clock requests to probe the link.

import type { ServerClock } from '../../transport/clock';
import type { ViewerConnection } from '../../transport/viewer';
import type { WatchTiming } from './setup';

/** Exchanges per request: a single one may be far off. */
const ROUNDS = { first: 5, later: 1 };

/** The clock of the current node. */
export class NodeClock {
  readonly #clock: ServerClock;
  readonly #timing: Pick<WatchTiming, 'clockMs' | 'probeMs'>;
  readonly #now: () => number;
  #dueMs = 0;

  constructor(clock: ServerClock, timing: Pick<WatchTiming, 'clockMs' | 'probeMs'>, now: () => number) {
    this.#clock = clock;
    this.#timing = timing;
    this.#now = now;
  }

  /** Forgets the clock, because it is another node's. */
  reset(): void {
    this.#clock.reset();
  }

  /** Makes the next {@link lookIfDue} request the clock. */
  makeDue(): void {
    this.#dueMs = -Infinity;
  }

  /** Requests the clock of a node that was just joined. */
  look(connection: ViewerConnection, rounds: number = ROUNDS.first): void {
    this.#dueMs = this.#now() + this.#timing.clockMs;
    // The probe detects a node that does not answer.
    this.#clock.sync((t0_ms) => connection.clock({ t0_ms }), rounds).catch(() => undefined);
  }

  /** Requests the clock now and then, and after this computer's own clock stood still or was set. */
  lookIfDue(connection: ViewerConnection): void {
    if (this.#now() >= this.#dueMs || this.#clock.isOutdated) this.look(connection, ROUNDS.later);
  }

  /**
   * Checks whether the node still answers.
   *
   * @throws CallError if it does not answer in time, or the link is down.
   */
  async probe(connection: ViewerConnection): Promise<void> {
    await this.#clock.sync((t0_ms) => connection.clock({ t0_ms }, this.#timing.probeMs), 1);
  }
}
