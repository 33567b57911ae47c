// A stream of this tab that the page is not publishing: after a reload, after a failure, or in a duplicated tab while
// the other one is live. The page offers to continue it until the main server says that it has ended.

import type { MainServer } from '../api/client';
import type { Memory } from '../browser/storage';
import { CallError } from '../protocol/error';
import type { StreamInfo } from '../protocol/stream';
import { recall, remember, type OwnStream } from './own-stream';

/** How often the main server is asked whether the stream has ended or is live elsewhere. */
const LOOK_MS = 5_000;
/** After this time the main server knows that a reloaded page has left its stream. */
const SETTLED_MS = 1_500;

/** A stream that can be continued. */
export interface Offer {
  own: OwnStream;
  /** The stream's state; undefined before the main server answered. */
  info: StreamInfo | undefined;
}

/** Offers to continue or end the remembered stream. */
export class UnfinishedStream {
  readonly #server: Pick<MainServer, 'stream' | 'endStream'>;
  readonly #memory: Memory;
  readonly #onChange: (offer: Offer | undefined) => void;
  #offer: Offer | undefined;
  #looking: AbortController | undefined;

  constructor(
    server: Pick<MainServer, 'stream' | 'endStream'>,
    memory: Memory,
    onChange: (offer: Offer | undefined) => void,
  ) {
    this.#server = server;
    this.#memory = memory;
    this.#onChange = onChange;
  }

  /** Offers the remembered stream, if there is one, until {@link withdraw} or its end. */
  async offer(): Promise<void> {
    const own = recall(this.#memory);
    if (!own) return;
    this.#looking?.abort();
    const { signal } = (this.#looking = new AbortController());
    for (let looks = 0; await this.#look(own, looks, signal); looks++) {
      await new Promise((resolve) => setTimeout(resolve, looks === 0 ? SETTLED_MS : LOOK_MS));
    }
  }

  /** Withdraws the offer; the stream stays remembered. */
  withdraw(): void {
    this.#looking?.abort();
    if (this.#offer) this.#show(undefined);
  }

  /** Forgets the stream, because it has ended. */
  forget(): void {
    remember(this.#memory, undefined);
    this.withdraw();
  }

  /**
   * Ends the offered stream for all viewers.
   *
   * @throws CallError when the main server cannot be told; the offer stays.
   */
  async end(): Promise<void> {
    const own = this.#offer?.own;
    if (!own) return;
    try {
      await this.#server.endStream(own.stream_id, own.publish.grant);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.forget();
  }

  /** Polls the stream's state. Returns false when there is nothing to offer any more. */
  async #look(own: OwnStream, looks: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    const info = await this.#server.stream(own.stream_id, own.publish.grant).catch((error: unknown) => asOver(error));
    // A function, because the compiler assumes that `aborted` does not change during a wait.
    if (isAborted(signal)) return false;
    if (info === 'over' || info?.state === 'ended') {
      this.forget();
      return false;
    }
    // Right after a reload the main server may not know yet that this page has left.
    const isStale = looks === 0 && info?.state === 'live';
    this.#show({ own, info: isStale ? undefined : (info ?? this.#offer?.info) });
    return true;
  }

  #show(offer: Offer | undefined): void {
    this.#offer = offer;
    this.#onChange(offer);
  }
}

/** Whether a stream cannot be continued, now or later. */
export function isGone(error: unknown): boolean {
  return error instanceof CallError && (error.code === 'unknown_stream' || error.code === 'invalid_grant');
}

function asOver(error: unknown): 'over' | undefined {
  return isGone(error) ? 'over' : undefined;
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
