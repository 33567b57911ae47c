// The transfer of one blob from nodes. It continues at the next node when one dies or is silent, so that no byte comes
// twice. The received part can be read meanwhile. No DOM.

import { CallError, wireError, type ErrorCode } from '../protocol/error';
import type { BlobName } from '../protocol/item';
import type { ItemAccess } from './access';

/** A node that sends nothing for this long is left. */
const SILENT_MS = 4_000;
/** Rounds over all nodes before a transfer fails; the main server is asked for others in between. */
const ROUNDS = 2;
/** Errors that another node or a fresh grant does not change. */
const FINAL: readonly ErrorCode[] = [
  'unknown_item',
  'item_not_ready',
  'wrong_passphrase',
  'invitation_refused',
  'forbidden',
];

/** The header of answers from the service worker's storage. */
export const KEPT_HEADER = 'undead-kept';

/** Dependencies of transfers. */
export interface TransferSetup {
  fetch: typeof fetch;
  /** Bytes of a blob stored in this browser, for pages without a service worker. */
  kept?: (hash: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  silentMs?: number;
}

/** The transfer of one blob. */
export class Transfer {
  readonly blob: BlobName;
  readonly #setup: TransferSetup;
  readonly #access: ItemAccess;
  readonly #abort = new AbortController();
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #have = 0;
  #networkBytes = 0;
  /** Whether the service worker saw all of it in one piece, and stores it by itself. */
  #isWhole = true;
  #arrived: (() => void)[] = [];
  readonly #done: Promise<void>;
  #outcome: 'running' | 'done' | { error: unknown } = 'running';

  constructor(blob: BlobName, access: ItemAccess, setup: TransferSetup) {
    this.blob = blob;
    this.#access = access;
    this.#setup = setup;
    this.#done = this.#run().then(
      () => this.#end('done'),
      (error: unknown) => this.#end({ error }),
    );
  }

  /** Bytes received over the network. */
  get networkBytes(): number {
    return this.#networkBytes;
  }

  get hasFailed(): boolean {
    return typeof this.#outcome === 'object';
  }

  /** Whether the bytes came in several pieces, none of which is the whole blob. */
  get isPatched(): boolean {
    return !this.#isWhole;
  }

  /**
   * The bytes received after the first `from`; waits until there are any. Undefined at the end.
   *
   * @throws CallError if no node has it; the reason of {@link close}'s abort.
   */
  async read(from: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (this.#have <= from) {
      if (this.#outcome === 'done') return undefined;
      if (this.#outcome !== 'running') throw this.#outcome.error;
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
    return this.#joined(from);
  }

  /**
   * The whole blob.
   *
   * @throws as {@link read}.
   */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#done;
    if (this.#outcome !== 'done') throw this.#outcome === 'running' ? new Error('running') : this.#outcome.error;
    return this.#joined(0);
  }

  /** Aborts the transfer. */
  close(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    let last: unknown = new CallError('unreachable', 'no node serves the item');
    const kept = await this.#setup.kept?.(this.blob.hash).catch(() => undefined);
    if (kept?.byteLength === this.blob.bytes) {
      this.#take(kept);
      return;
    }
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await this.#access.open();
      for (const place of this.#access.places) {
        this.#abort.signal.throwIfAborted();
        try {
          await this.#pull(place);
          return;
        } catch (error) {
          this.#abort.signal.throwIfAborted();
          if (error instanceof CallError && FINAL.includes(error.code as ErrorCode)) throw error;
          this.#access.failed(place);
          last = error;
        }
      }
    }
    throw last;
  }

  /** Fetches the missing bytes from one node. */
  async #pull(place: string): Promise<void> {
    const silence = new Silence(this.#setup.silentMs ?? SILENT_MS, this.#abort.signal);
    try {
      const response = await this.#ask(place, silence.signal);
      const isKept = response.headers.get(KEPT_HEADER) !== null;
      if (this.#have > 0) this.#isWhole = false;
      let skip = this.#skipped(response);
      const reader = response.body?.getReader();
      for (;;) {
        silence.reset();
        const part = await reader?.read();
        if (part === undefined || part.done) break;
        if (!isKept) this.#networkBytes += part.value.byteLength;
        const rest = part.value.subarray(Math.min(skip, part.value.byteLength));
        skip -= part.value.byteLength - rest.byteLength;
        this.#take(rest);
      }
      if (this.#have < this.blob.bytes) throw new CallError('unreachable', 'the connection broke in a fragment');
    } catch (error) {
      if (silence.isOver) throw new CallError('timeout', `${place} is silent`, { cause: error });
      throw error;
    } finally {
      silence.end();
    }
  }

  async #ask(place: string, signal: AbortSignal): Promise<Response> {
    this.#access.renewIfDue();
    const address = this.#access.address(place, `blobs/${this.blob.hash}`);
    const headers: Record<string, string> = this.#have > 0 ? { range: `bytes=${this.#have}-` } : {};
    const response = await this.#setup.fetch(address, { headers, signal, credentials: 'omit' });
    if (response.ok) return response;
    throw await refusal(response, place);
  }

  /** How many bytes at the start of the body have already been received. */
  #skipped(response: Response): number {
    if (response.status !== 206) return this.#have;
    const from = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
    // Pages of another origin may not see the header; the requested range then counts.
    if (from === undefined || Number(from) === this.#have) return 0;
    throw new CallError('bad_answer', 'a node answered with another range');
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.byteLength === 0) return;
    if (this.#have + bytes.byteLength > this.blob.bytes)
      throw new CallError('bad_answer', 'a node sent more than the blob has');
    this.#chunks.push(bytes);
    this.#have += bytes.byteLength;
    this.#wake();
  }

  #joined(from: number): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(this.#have - from);
    let at = 0;
    for (const chunk of this.#chunks) {
      const rest = chunk.subarray(Math.min(Math.max(0, from - at), chunk.byteLength));
      if (rest.byteLength > 0) joined.set(rest, at + chunk.byteLength - rest.byteLength - from);
      at += chunk.byteLength;
    }
    return joined;
  }

  #end(outcome: 'done' | { error: unknown }): void {
    this.#outcome = outcome;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#arrived.splice(0)) wake();
  }
}

/** Aborts a request after a silence, or with its owner. */
class Silence {
  readonly #ms: number;
  readonly #controller = new AbortController();
  readonly #owner: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;
  isOver = false;

  constructor(ms: number, owner: AbortSignal) {
    this.#ms = ms;
    this.#owner = owner;
    owner.addEventListener('abort', this.#aborted, { signal: this.#controller.signal });
    if (owner.aborted) this.#aborted();
    this.reset();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isOver = true;
      this.#controller.abort();
    }, this.#ms);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#owner.removeEventListener('abort', this.#aborted);
  }

  readonly #aborted = (): void => this.#controller.abort();
}

/** The error in a node's answer. */
export async function refusal(response: Response, place: string): Promise<CallError> {
  const error = wireError(await response.json().catch(() => undefined));
  const code = error?.code ?? (response.status === 404 ? 'unknown_blob' : 'bad_answer');
  return new CallError(code, error?.message ?? `${place} answered ${response.status}`);
}
