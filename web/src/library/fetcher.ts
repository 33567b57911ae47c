// Fetches the blobs of one item: one transfer for all who ask for the same blob at the same time, few transfers at once, those for
// playing before those for a download. What came whole is handed on to be kept in this browser. No DOM.

import type { BlobName } from '../protocol/item';
import type { ItemAccess } from './access';
import { Transfer, type TransferSetup } from './transfer';

/** Transfers at once. */
const AT_ONCE = 4;

/** What fetching works with. */
export interface FetcherSetup extends TransferSetup {
  /** A blob is here whole, and no service worker saw it pass in one piece. */
  keep?: (blob: BlobName, bytes: Uint8Array<ArrayBuffer>) => void;
  /** Whether a service worker sees what this page fetches. */
  isWatched?: () => boolean;
}

/** A client's hold on a blob that is fetched; it ends with `close`. */
export interface Hold {
  /** See {@link Transfer.read}. */
  read(from: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** See {@link Transfer.bytes}. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes that came over the network so far. */
  readonly networkBytes: number;
  /** Wants it no more; the transfer ends with its last hold. */
  close(): void;
}

interface Waiting {
  priority: Priority;
  start: () => void;
  refuse: (why: Error) => void;
}

/** What a blob is for: those for playing come first. */
export type Priority = 'play' | 'ahead' | 'download';
const ORDER: readonly Priority[] = ['play', 'ahead', 'download'];

/** See the head of the file. */
export class Fetcher {
  readonly #access: ItemAccess;
  readonly #setup: FetcherSetup;
  readonly #shared = new Map<string, Shared>();
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(access: ItemAccess, setup: FetcherSetup) {
    this.#access = access;
    this.#setup = setup;
  }

  /** Begins to fetch `blob`, or joins who does already. */
  open(blob: BlobName, priority: Priority): Hold {
    const known = this.#shared.get(blob.hash);
    if (known !== undefined && !known.hasFailed) return known.hold();
    const shared = new Shared(this.#start(blob, priority), () => {
      if (this.#shared.get(blob.hash) === shared) this.#shared.delete(blob.hash);
    });
    this.#shared.set(blob.hash, shared);
    return shared.hold();
  }

  /** The transfer of a blob, once there is a place for it. */
  #start(blob: BlobName, priority: Priority): StartedTransfer {
    const waiting: Waiting = { priority, start: () => undefined, refuse: () => undefined };
    const started = new Promise<Transfer>((resolve, reject) => {
      waiting.refuse = reject;
      waiting.start = () => {
        this.#running++;
        const transfer = new Transfer(blob, this.#access, this.#setup);
        resolve(transfer);
        void this.#finish(transfer);
      };
    });
    this.#waiting.push(waiting);
    this.#waiting.sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority));
    this.#next();
    return { started, cancel: () => this.#cancel(waiting) };
  }

  async #finish(transfer: Transfer): Promise<void> {
    try {
      const bytes = await transfer.bytes();
      const isSeen = this.#setup.isWatched?.() === true && !transfer.isPatched;
      if (transfer.networkBytes > 0 && !isSeen) this.#setup.keep?.(transfer.blob, bytes);
    } catch {
      // Whoever holds it hears why.
    } finally {
      this.#running--;
      this.#next();
    }
  }

  #cancel(waiting: Waiting): void {
    const place = this.#waiting.indexOf(waiting);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    waiting.refuse(new DOMException('closed before it began', 'AbortError'));
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.start();
    }
  }
}

interface StartedTransfer {
  started: Promise<Transfer>;
  cancel: () => void;
}

/** A transfer and how many hold it. */
class Shared {
  readonly #started: Promise<Transfer>;
  readonly #cancel: () => void;
  readonly #forget: () => void;
  #transfer: Transfer | undefined;
  #holds = 0;
  #closed = false;

  constructor({ started, cancel }: StartedTransfer, forget: () => void) {
    this.#started = started;
    this.#cancel = cancel;
    this.#forget = forget;
    started.then(
      (transfer) => {
        this.#transfer = transfer;
        if (this.#closed) transfer.close();
      },
      () => undefined,
    );
  }

  /** Whoever asks next gets another transfer. */
  get hasFailed(): boolean {
    return this.#transfer?.hasFailed === true;
  }

  hold(): Hold {
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
    this.#cancel();
    this.#transfer?.close();
  }
}
