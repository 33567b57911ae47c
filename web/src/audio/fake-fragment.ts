// MP4 headers for tests: only the boxes that give a fragment's start time.

type Bytes = Uint8Array<ArrayBuffer>;

function box(type: string, ...content: (Bytes | number[])[]): Bytes {
  const body = content.flatMap((part) => [...part]);
  const bytes = new Uint8Array(8 + body.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(body, 8);
  return bytes;
}

const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** Builds an init segment. */
export function fakeInit(timescale: number, version = 0): Bytes {
  const times = version === 1 ? Array<number>(16).fill(0) : Array<number>(8).fill(0);
  const header = box('mdhd', [version, 0, 0, 0], times, u32(timescale), u32(0));
  return box('moov', box('mvhd', u32(0)), box('trak', box('tkhd', u32(0)), box('mdia', header)));
}

/** Builds a fragment that begins at `time`, in ticks. */
export function fakeFragment(time: number, version = 1): Bytes {
  const ticks = version === 1 ? [...u32(0), ...u32(time)] : u32(time);
  const header = box(
    'moof',
    box('mfhd', u32(0)),
    box('traf', box('tfhd', u32(0)), box('tfdt', [version, 0, 0, 0], ticks)),
  );
  return new Uint8Array([...header, ...box('mdat', [1, 2, 3])]);
}
