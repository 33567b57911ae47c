// Tracks the pieces in the player's buffer, and chooses those to remove when there are too many: the farthest from the
// playhead, the past before the future. No DOM.

import type { Piece } from '../plan';

/** Most bytes in the buffer. Chromium accepts 12 MB of sound and 150 MB of picture in one SourceBuffer. */
const MOST_BYTES = { audio: 9 * 1024 * 1024, video: 48 * 1024 * 1024, both: 48 * 1024 * 1024 };
/** Factor for distances in the past, which is less useful than the future. */
const PAST_WEIGHT = 3;

/** The pieces in one SourceBuffer. */
export class BufferedPieces {
  readonly #pieces = new Map<string, Piece>();
  #mostBytes: number;

  constructor(tracks: Piece['run']['tracks']) {
    this.#mostBytes = MOST_BYTES[tracks];
  }

  has(piece: Piece): boolean {
    return this.#pieces.has(piece.id);
  }

  add(piece: Piece): void {
    this.#pieces.set(piece.id, piece);
  }

  delete(piece: Piece): void {
    this.#pieces.delete(piece.id);
  }

  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#pieces.values()) sum += bytes;
    return sum;
  }

  /** The largest number of bytes ahead of the playhead. */
  get mostAheadBytes(): number {
    return this.#mostBytes * 0.6;
  }

  /** The browser's buffer is full: lowers the limit. */
  full(): void {
    this.#mostBytes = Math.max(1024 * 1024, Math.min(this.#mostBytes, this.bytes) * 0.7);
  }

  /** The pieces to remove before `next` is appended, farthest first; none of them between the playhead and `next`. */
  surplus(positionMs: number, next: Piece): Piece[] {
    let excess = this.bytes + next.bytes - this.#mostBytes;
    const gone: Piece[] = [];
    const needed = ({ startMs, endMs }: Piece): boolean => endMs > positionMs && startMs <= next.startMs;
    const others = [...this.#pieces.values()].filter((piece) => !needed(piece));
    for (const piece of others.sort((a, b) => distance(b, positionMs) - distance(a, positionMs))) {
      if (excess <= 0) break;
      gone.push(piece);
      excess -= piece.bytes;
    }
    return gone;
  }
}

function distance({ startMs, endMs }: Piece, ms: number): number {
  return ms >= endMs ? (ms - endMs + 1) * PAST_WEIGHT : startMs - ms;
}
