// Chunks of the `frames` rendition: one record per frame, with a fixed header and the encoded bytes. Mirrors
// crates/media/src/frame_records.rs; the layout is in docs/protocol.md, section Frames. Reading never throws, whatever
// the input.

/** Bytes of a record's header; later versions may append to it. */
const HEADER_BYTES = 32;
const KEY = 1;
const GAP = 2;

/** One encoded picture or sound packet. */
export interface FrameRecord {
  /** Index into the tracks of the init data. */
  track: number;
  /** Whether it can be decoded without earlier frames. */
  key: boolean;
  /** Whether this track has nothing between its time and its end, because it was lost or paused. It has no data. */
  gap: boolean;
  /** In its take's time, microseconds. */
  ptsUs: number;
  dtsUs: number;
  durationUs: number;
  data: Uint8Array<ArrayBuffer>;
}

/** The frames of a chunk in decoding order; undefined if it cannot be read. */
export function readRecords(chunk: ArrayBuffer): FrameRecord[] | undefined {
  const view = new DataView(chunk);
  const records: FrameRecord[] = [];
  for (let at = 0; at < chunk.byteLength;) {
    if (chunk.byteLength - at < HEADER_BYTES) return undefined;
    const headerBytes = view.getUint16(at + 2);
    const dataBytes = view.getUint32(at + 4);
    const dataAt = at + headerBytes;
    if (headerBytes < HEADER_BYTES || chunk.byteLength - dataAt < dataBytes) return undefined;
    const flags = view.getUint8(at + 1);
    records.push({
      track: view.getUint8(at),
      key: (flags & KEY) !== 0,
      gap: (flags & GAP) !== 0,
      ptsUs: Number(view.getBigUint64(at + 8)),
      dtsUs: Number(view.getBigUint64(at + 16)),
      durationUs: view.getUint32(at + 24),
      data: new Uint8Array(chunk, dataAt, dataBytes),
    });
    at = dataAt + dataBytes;
  }
  return records;
}
