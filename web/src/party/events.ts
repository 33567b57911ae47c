// Receives a party's events for as long as the membership lasts. Reconnects after the connection breaks: less and less
// often while the server refuses, and at once when the network is back or changed. Each connection begins with a
// snapshot. No DOM.

import { backOffMs, type BackOff } from '../api/back-off';
import type { ServerEvent } from '../api/event-stream';
import { asCallError, type CallError } from '../protocol/error';
import { readEvent, type PartyEvent } from './state';
import type { Timers } from './timers';

/** Pauses before reconnecting. The first is short, because playback depends on the events. */
const RETRY: BackOff = { firstMs: 300, longestMs: 15_000 };

/** Dependencies and callbacks. */
export interface EventsSetup {
  events: (signal: AbortSignal) => AsyncGenerator<ServerEvent>;
  timers: Timers;
  heard: (event: PartyEvent) => void;
  /** The connection is up or broke; `problem` is the reason. */
  connected: (isConnected: boolean, problem?: CallError) => void;
}

/** The event connection of one member. */
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

  /** The network may be back: connects now. */
  hurry(): void {
    this.#hurry?.();
  }

  /** Replaces the connection after a change of the network or a sleep, because it may be dead without an error. */
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
