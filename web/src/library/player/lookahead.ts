// The transfers of the next pieces, begun before they are appended, and the init segments so far. Transfers that are no
// longer needed end. No DOM.

import type { BlobName } from '../../protocol/item';
import type { Fetcher, Hold } from '../fetcher';
import type { Piece } from '../plan';

/** The transfers of one player. */
export class Lookahead {
  readonly #fetcher: Pick<Fetcher, 'open'>;
  readonly #holds = new Map<string, Hold>();
  readonly #inits = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(fetcher: Pick<Fetcher, 'open'>) {
    this.#fetcher = fetcher;
  }

  /** Sets the pieces that are needed now, the most urgent first; other transfers end. */
  want(pieces: readonly Piece[]): void {
    const wanted = new Set(pieces.map(({ id }) => id));
    for (const [id, hold] of this.#holds) {
      if (wanted.has(id)) continue;
      hold.close();
      this.#holds.delete(id);
    }
    pieces.forEach((piece, place) => {
      if (place === 0 && piece.run.init !== undefined) this.init(piece.run.init).catch(() => undefined);
      if (!this.#holds.has(piece.id)) this.#open(piece, place === 0 ? 'play' : 'ahead');
    });
  }

  /** The transfer of a piece. */
  take(piece: Piece): Hold {
    return this.#holds.get(piece.id) ?? this.#open(piece, 'play');
  }

  /** An init segment; several runs may share one. */
  init(blob: BlobName): Promise<Uint8Array<ArrayBuffer>> {
    let bytes = this.#inits.get(blob.hash);
    if (bytes === undefined) {
      const hold = this.#fetcher.open(blob, 'play');
      bytes = hold.bytes().finally(() => hold.close());
      bytes.catch(() => this.#inits.delete(blob.hash));
      this.#inits.set(blob.hash, bytes);
    }
    return bytes;
  }

  /** Releases the transfer of an appended piece. */
  done(piece: Piece): void {
    this.#holds.get(piece.id)?.close();
    this.#holds.delete(piece.id);
  }

  /** Drops all transfers, because they may have failed; the next requests start new ones. */
  forget(): void {
    for (const hold of this.#holds.values()) hold.close();
    this.#holds.clear();
  }

  /** Ends all transfers. */
  close(): void {
    this.forget();
    this.#inits.clear();
  }

  #open(piece: Piece, priority: 'play' | 'ahead'): Hold {
    const hold = this.#fetcher.open(piece, priority);
    this.#holds.set(piece.id, hold);
    // The reader of the transfer handles failures.
    hold.bytes().catch(() => undefined);
    return hold;
  }
}
