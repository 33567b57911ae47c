// Keeps the clock of the node in use up to date, and probes a link by asking for it.

import type { ServerClock } from '../../transport/clock';
import type { ViewerConnection } from '../../transport/viewer';
import type { WatchTiming } from './setup';

/** Exchanges per look: one alone may be far off. */
const ROUNDS = { first: 5, later: 1 };

/** See the head of the file. */
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

  /** What is known is another node's. */
  reset(): void {
    this.#clock.reset();
  }

  /** The next {@link lookIfDue} looks. */
  makeDue(): void {
    this.#dueMs = -Infinity;
  }

  /** Asks for the clock of a node that was just joined. */
  look(connection: ViewerConnection, rounds: number = ROUNDS.first): void {
    this.#dueMs = this.#now() + this.#timing.clockMs;
    // A node that does not answer is noticed by the probe.
    this.#clock.sync((t0_ms) => connection.clock({ t0_ms }), rounds).catch(() => undefined);
  }

  /** Asks again now and then, and when this computer's own clock stood still or was set. */
  lookIfDue(connection: ViewerConnection): void {
    if (this.#now() >= this.#dueMs || this.#clock.isOutdated) this.look(connection, ROUNDS.later);
  }

  /**
   * Asks whether the node is still there.
   *
   * @throws CallError where it does not answer in time, or the link is down.
   */
  async probe(connection: ViewerConnection): Promise<void> {
    await this.#clock.sync((t0_ms) => connection.clock({ t0_ms }, this.#timing.probeMs), 1);
  }
}
