// Hears a party's events for as long as the member is one: comes back after the connection breaks, ever more seldom while the server
// refuses, and at once when the network is back, or another one. A snapshot begins each connection. No DOM.

import { backOffMs, type BackOff } from '../api/back-off';
import type { ServerEvent } from '../api/event-stream';
import { asCallError, type CallError } from '../protocol/error';
import { readEvent, type PartyEvent } from './state';
import type { Timers } from './timers';

/** Pauses before connecting again: members hear what plays from here, so the first is short. */
const RETRY: BackOff = { firstMs: 300, longestMs: 15_000 };

/** What hearing works with. */
export interface EventsSetup {
  events: (signal: AbortSignal) => AsyncGenerator<ServerEvent>;
  timers: Timers;
  heard: (event: PartyEvent) => void;
  /** The connection is there, or broke; `problem` says why. */
  connected: (isConnected: boolean, problem?: CallError) => void;
}

/** See the head of the file. */
export class PartyEvents {
  readonly #setup: EventsSetup;
  readonly #closed = new AbortController();
  #connection = new AbortController();
  #hurry: (() => void) | undefined;

  constructor(setup: EventsSetup) {
    this.#setup = setup;
  }

  open(): void {
    void this.#run();
  }

  /** The network may be back: tries now. */
  hurry(): void {
    this.#hurry?.();
  }

  /** The network is another one, or the computer slept: the connection may be dead without saying so, and is replaced. */
  reconnect(): void {
    this.#connection.abort();
    this.hurry();
  }

  close(): void {
    this.#closed.abort();
    this.reconnect();
  }

  #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isClosed()) {
      let problem: unknown;
      this.#connection = new AbortController();
      const { signal } = this.#connection;
      try {
        for await (const event of this.#setup.events(signal)) {
          failures = 0;
          this.#hear(event);
        }
      } catch (error) {
        problem = error;
      }
      if (this.#isClosed()) return;
      if (signal.aborted) continue;
      this.#setup.connected(false, problem === undefined ? undefined : asCallError(problem));
      await this.#pause(backOffMs(RETRY, ++failures, problem));
    }
  }

  #hear(event: ServerEvent): void {
    const read = readEvent(event);
    if (read === undefined || this.#isClosed()) return;
    if (read.type === 'snapshot') this.#setup.connected(true);
    this.#setup.heard(read);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isClosed()) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#setup.timers.after(ms, resolve);
      this.#hurry = () => {
        cancel();
        resolve();
      };
    });
    this.#hurry = undefined;
  }
}
