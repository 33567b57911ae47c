// Fetches the blobs of one item. Clients that request the same blob share one transfer, and transfers begin in order of
// priority. Complete blobs are passed on for storage in this browser. No DOM.

import type { BlobName } from '../protocol/item';
import type { ItemAccess } from './access';
import { Transfer, type TransferSetup } from './transfer';
import { Turns, type Priority, type Turn } from './turns';

/** Dependencies and callbacks of a fetcher. */
export interface FetcherSetup extends TransferSetup {
  /** A blob has arrived complete, and no service worker saw it in one piece. */
  keep?: (blob: BlobName, bytes: Uint8Array<ArrayBuffer>) => void;
  /** Whether a service worker sees the requests of this page. */
  isWatched?: () => boolean;
}

/** A client's share of a transfer; it ends with `close`. */
export interface Hold {
  /** See {@link Transfer.read}. */
  read(from: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** See {@link Transfer.bytes}. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes received over the network so far. */
  readonly networkBytes: number;
  /** Ends the client's interest; the transfer ends with its last hold. */
  close(): void;
}

/** The transfers of one item. */
export class Fetcher {
  readonly #access: ItemAccess;
  readonly #setup: FetcherSetup;
  readonly #shared = new Map<string, Shared>();
  readonly #turns = new Turns();

  constructor(access: ItemAccess, setup: FetcherSetup) {
    this.#access = access;
    this.#setup = setup;
  }

  /** Begins to fetch `blob`, or joins a transfer in progress. */
  open(blob: BlobName, priority: Priority): Hold {
    const known = this.#shared.get(blob.hash);
    if (known !== undefined && !known.hasFailed) return known.hold(priority);
    const turn = this.#turns.take(priority);
    const shared = new Shared(this.#start(blob, turn), turn, () => {
      if (this.#shared.get(blob.hash) === shared) this.#shared.delete(blob.hash);
    });
    this.#shared.set(blob.hash, shared);
    return shared.hold(priority);
  }

  /** Starts the transfer of a blob when its turn comes. */
  async #start(blob: BlobName, turn: Turn): Promise<Transfer> {
    await turn.begun;
    // A worker that takes over the page later does not see this request.
    const isWatched = this.#setup.isWatched?.() === true;
    const transfer = new Transfer(blob, this.#access, this.#setup);
    void this.#finish(transfer, turn, isWatched);
    return transfer;
  }

  async #finish(transfer: Transfer, turn: Turn, isWatched: boolean): Promise<void> {
    try {
      const bytes = await transfer.bytes();
      const isSeen = isWatched && !transfer.isPatched;
      if (transfer.networkBytes > 0 && !isSeen) this.#setup.keep?.(transfer.blob, bytes);
    } catch {
      // The holders of the transfer receive the error.
    } finally {
      turn.end();
    }
  }
}

/** A transfer and its number of holders. */
class Shared {
  readonly #started: Promise<Transfer>;
  readonly #turn: Turn;
  readonly #forget: () => void;
  #transfer: Transfer | undefined;
  #holds = 0;
  #closed = false;

  constructor(started: Promise<Transfer>, turn: Turn, forget: () => void) {
    this.#started = started;
    this.#turn = turn;
    this.#forget = forget;
    started.then(
      (transfer) => {
        this.#transfer = transfer;
        if (this.#closed) transfer.close();
      },
      () => undefined,
    );
  }

  /** Whether it failed, so that the next request needs a new transfer. */
  get hasFailed(): boolean {
    return this.#transfer?.hasFailed === true;
  }

  hold(priority: Priority): Hold {
    this.#turn.raise(priority);
    this.#holds++;
    let isHeld = true;
    const started = this.#started;
    const network = (): number => this.#transfer?.networkBytes ?? 0;
    return {
      read: async (from) => (await started).read(from),
      bytes: async () => (await started).bytes(),
      get networkBytes() {
        return network();
      },
      close: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#release();
      },
    };
  }

  #release(): void {
    this.#holds--;
    if (this.#holds > 0) return;
    this.#closed = true;
    this.#forget();
    this.#turn.end();
    this.#transfer?.close();
  }
}
