// Reads the start time of an MP4 fragment, exact to the sample, because manifests count in milliseconds only (ISO/IEC
// 14496-12: `mdhd`, section 8.4.2; `tfdt`, section 8.8.12). No DOM.

/** Ticks per second of the first track of an init segment; undefined if it does not say. */
export function timescaleOf(init: Uint8Array): number | undefined {
  const header = find(init, ['moov', 'trak', 'mdia', 'mdhd']);
  if (header === undefined) return undefined;
  const at = header.getUint8(0) === 1 ? 20 : 12;
  const timescale = header.byteLength >= at + 4 ? header.getUint32(at) : 0;
  return timescale > 0 ? timescale : undefined;
}

/** A fragment's start time in ticks of its track; undefined if it does not say. */
export function decodeTimeOf(fragment: Uint8Array): number | undefined {
  const header = find(fragment, ['moof', 'traf', 'tfdt']);
  if (header === undefined) return undefined;
  const isLong = header.getUint8(0) === 1;
  if (header.byteLength < (isLong ? 12 : 8)) return undefined;
  return isLong ? Number(header.getBigUint64(4)) : header.getUint32(4);
}

/** Finds the content of the first box at `path`. */
function find(bytes: Uint8Array, path: readonly string[]): DataView | undefined {
  let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const type of path) {
    const found = child(view, type);
    if (found === undefined) return undefined;
    view = found;
  }
  return view.byteLength > 0 ? view : undefined;
}

function child(view: DataView, type: string): DataView | undefined {
  for (let at = 0; at + 8 <= view.byteLength;) {
    const isLong = view.getUint32(at) === 1;
    const head = isLong ? 16 : 8;
    if (at + head > view.byteLength) return undefined;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : view.getUint32(at);
    // Size 0: the box reaches to the end (section 4.2).
    const end = size === 0 ? view.byteLength : Math.min(view.byteLength, at + size);
    if (end < at + head) return undefined;
    if (nameOf(view, at + 4) === type) return new DataView(view.buffer, view.byteOffset + at + head, end - at - head);
    at = end;
  }
  return undefined;
}

function nameOf(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
