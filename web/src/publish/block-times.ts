// Reads frame times from a WebM or Matroska recording as it arrives: those of the first picture and of the newest
// frame. A recorder writes a picture only after the sound up to it, so the newest frame of a segment is not the newest
// captured picture; only the times inside tell. Everything else is skipped.
//
// Layout: RFC 8794 (EBML) and RFC 9559 (Matroska), sections 5.1.3 to 5.1.5 and 10. Ticks are 1 ms, the default, which
// all recorders use. At unreadable input it gives up and reports no times; they serve measurements only.

/** Elements whose children are read. */
const OPENED = new Set([0x18538067 /* Segment */, 0x1f43b675 /* Cluster */, 0x1654ae6b /* Tracks */, 0xae, 0xa0]);
const TRACK_NUMBER = 0xd7;
const TRACK_TYPE = 0x83;
const VIDEO = 1;
const CLUSTER_TIME = 0xe7;
const BLOCKS = new Set([0xa3 /* SimpleBlock */, 0xa1 /* Block */]);
/** Enough for any element's header and the part of its content that is read: 4 + 8 + 8. */
const MAX_HEAD_BYTES = 20;

interface Header {
  id: number;
  /** Size of its content; undefined if unknown. */
  size: number | undefined;
  /** Offset of its content. */
  at: number;
}

/** Times of one recording's frames, in its own milliseconds. */
export class BlockTimes {
  /** Bytes of an incomplete header. */
  #head = new Uint8Array(0);
  #skip = 0;
  /** The block being skipped; it counts once it is complete. */
  #pending: { timeMs: number; video: boolean } | undefined;
  #trackNumber = 0;
  #videoTrack: number | undefined;
  #clusterMs = 0;
  #firstVideoMs: number | undefined;
  #newestMs: number | undefined;
  #pictures = 0;
  #lost = false;

  /** Time of the first picture; undefined before it, and after reading failed. */
  get firstVideoMs(): number | undefined {
    return this.#lost ? undefined : this.#firstVideoMs;
  }

  /** Time of the newest complete frame of any track; undefined before the first, and after reading failed. */
  get newestMs(): number | undefined {
    return this.#lost ? undefined : this.#newestMs;
  }

  /** Number of pictures so far; undefined after reading failed. */
  get pictures(): number | undefined {
    return this.#lost ? undefined : this.#pictures;
  }

  /** Reads the next segment. */
  push(segment: ArrayBuffer): void {
    let bytes = new Uint8Array(segment);
    while (!this.#lost) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length);
        bytes = bytes.subarray(skipped);
        this.#skip -= skipped;
      }
      if (this.#skip > 0) return;
      this.#commit();
      if (bytes.length === 0) return;
      bytes = this.#readElement(bytes);
    }
  }

  /** Reads one element's header, or stores an incomplete one. Returns the bytes after it. */
  #readElement(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const kept = this.#head.length;
    const view = new Uint8Array(Math.min(kept + bytes.length, MAX_HEAD_BYTES));
    view.set(this.#head);
    view.set(bytes.subarray(0, view.length - kept), kept);
    const element = readHeader(view);
    const wanted = element ? element.at + contentWanted(element) : Infinity;
    if (!element || wanted > view.length) {
      if (view.length === MAX_HEAD_BYTES) this.#lost = true;
      this.#head = view;
      return bytes.subarray(view.length - kept);
    }
    this.#head = new Uint8Array(0);
    this.#take(element, view);
    return bytes.subarray(Math.max(0, wanted - kept));
  }

  #take({ id, size, at }: Header, view: Uint8Array): void {
    if (OPENED.has(id)) return;
    if (size === undefined) {
      this.#lost = true;
      return;
    }
    this.#skip = size - contentWanted({ id, size, at });
    if (id === TRACK_NUMBER) this.#trackNumber = uint(view, at, size);
    else if (id === TRACK_TYPE && uint(view, at, size) === VIDEO) this.#videoTrack = this.#trackNumber;
    else if (id === CLUSTER_TIME) this.#clusterMs = uint(view, at, size);
    else if (BLOCKS.has(id)) this.#takeBlock(view, at);
  }

  #takeBlock(view: Uint8Array, at: number): void {
    const track = (view[at] ?? 0) & 0x7f;
    const relativeMs = new DataView(view.buffer, view.byteOffset).getInt16(at + 1);
    this.#pending = { timeMs: this.#clusterMs + relativeMs, video: track === this.#videoTrack };
  }

  #commit(): void {
    const block = this.#pending;
    if (!block) return;
    this.#pending = undefined;
    this.#newestMs = Math.max(this.#newestMs ?? 0, block.timeMs);
    if (!block.video) return;
    this.#firstVideoMs ??= block.timeMs;
    this.#pictures++;
  }
}

/** How many bytes of an element's content are needed. */
function contentWanted({ id, size = 0 }: Header): number {
  if (BLOCKS.has(id)) return Math.min(size, 3);
  return id === TRACK_NUMBER || id === TRACK_TYPE || id === CLUSTER_TIME ? Math.min(size, 8) : 0;
}

/** The header at the beginning of `view`; undefined if it is incomplete or invalid. */
function readHeader(view: Uint8Array): Header | undefined {
  const idLength = vintLength(view[0] ?? 0);
  const sizeLength = vintLength(view[idLength] ?? 0);
  const at = idLength + sizeLength;
  if (idLength > 4 || sizeLength > 8 || at > view.length) return undefined;
  const id = uint(view, 0, idLength);
  const size = uint(view, idLength, sizeLength) - 2 ** (7 * sizeLength);
  return { id, size: size === 2 ** (7 * sizeLength) - 1 ? undefined : size, at };
}

/** Length of the variable-size integer that begins with `first`; more than 8 if it is invalid. */
function vintLength(first: number): number {
  return Math.clz32(first) - 23;
}

function uint(view: Uint8Array, at: number, length: number): number {
  return view.subarray(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0);
}
