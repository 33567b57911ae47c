// Media for a fake library: a tone that is never silent, or a moving picture with it, encoded by ffmpeg and cut into
// fragments like the server's.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { blake3 } from '@noble/hashes/blake3.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const FRAGMENT_S = 10;
const MP3_FRAME_SAMPLES = 1152;
const RATE = 44_100;
const TONE = `sine=frequency=440:sample_rate=${RATE}`;

export interface Blob {
  hash: string;
  bytes: number;
}

export interface Take {
  mime: string;
  init?: Blob;
  fragments: (Blob & { start_ms: number; duration_ms: number })[];
  alternatives?: Take[];
}

export type Format = 'mp3' | 'aac' | 'flac' | 'opus' | 'vp9';

/** The blobs of all songs, by hash. */
export class Songs {
  readonly blobs = new Map<string, Buffer>();

  /** A take of so many seconds. MP3 comes in both formats that browsers play. `sound` is an ffmpeg source. */
  async make(format: Format, seconds: number, sound = TONE): Promise<Take> {
    const folder = await mkdtemp(path.join(tmpdir(), 'undead-songs-'));
    try {
      if (format !== 'mp3') return this.#boxed(await encoded(folder, format, seconds, sound), MIMES[format], seconds);
      const bare = await encoded(folder, 'mp3', seconds, sound);
      const boxed = await remuxed(folder);
      const [own, other] = [this.#bare(bare), this.#boxed(boxed, 'audio/mp4; codecs="mp3"', seconds)];
      const count = Math.min(own.fragments.length, other.fragments.length);
      for (const take of [own, other]) take.fragments.splice(count);
      return { ...own, alternatives: [other] };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #put(bytes: Buffer): Blob {
    const hash = bytesToHex(blake3(bytes));
    this.blobs.set(hash, bytes);
    return { hash, bytes: bytes.length };
  }

  #bare(file: Buffer): Take {
    const fragments: Take['fragments'] = [];
    const perFragment = Math.round((FRAGMENT_S * RATE) / MP3_FRAME_SAMPLES);
    const msOf = (frames: number): number => Math.round((frames * MP3_FRAME_SAMPLES * 1000) / RATE);
    let [at, frame, from] = [0, 0, 0];
    const close = (): void => {
      const first = fragments.length * perFragment;
      if (at > from)
        fragments.push({
          ...this.#put(file.subarray(from, at)),
          start_ms: msOf(first),
          duration_ms: msOf(frame) - msOf(first),
        });
      from = at;
    };
    while (at + 4 <= file.length) {
      at += mp3FrameBytes(file.readUInt32BE(at));
      frame++;
      if (frame % perFragment === 0) close();
    }
    close();
    return { mime: 'audio/mpeg', fragments };
  }

  #boxed(file: Buffer, mime: string, seconds: number): Take {
    const boxes = boxesOf(file);
    const firstMoof = boxes.findIndex(({ type }) => type === 'moof');
    const init = this.#put(Buffer.concat(boxes.slice(0, firstMoof).map(({ bytes }) => bytes)));
    const media = boxes.slice(firstMoof).filter(({ type }) => type === 'moof' || type === 'mdat');
    const fragments: Take['fragments'] = [];
    for (let i = 0; i + 1 < media.length; i += 2) {
      const start_ms = fragments.length * FRAGMENT_S * 1000;
      const pair = Buffer.concat(media.slice(i, i + 2).map(({ bytes }) => bytes));
      const duration_ms = Math.min(FRAGMENT_S * 1000, seconds * 1000 - start_ms);
      if (duration_ms > 0) fragments.push({ ...this.#put(pair), start_ms, duration_ms });
    }
    return { mime, init, fragments };
  }
}

const MIMES = {
  aac: 'audio/mp4; codecs="mp4a.40.2"',
  flac: 'audio/mp4; codecs="flac"',
  opus: 'audio/mp4; codecs="opus"',
  vp9: 'video/mp4; codecs="vp09.00.10.08,opus"',
};

const ENCODERS: Record<Format, string[]> = {
  mp3: ['-c:a', 'libmp3lame', '-b:a', '256k'],
  aac: ['-c:a', 'aac', '-b:a', '192k'],
  flac: ['-c:a', 'flac', '-strict', 'experimental'],
  opus: ['-c:a', 'libopus', '-b:a', '160k', '-ar', '48000'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '50', '-b:v', '400k', '-c:a', 'libopus'],
};
const FRAGMENTED = ['-movflags', 'empty_moov+default_base_moof', '-frag_duration', String(FRAGMENT_S * 1e6)];

async function encoded(folder: string, format: Format, seconds: number, sound: string): Promise<Buffer> {
  const bare = format === 'mp3';
  const out = path.join(folder, bare ? 'bare.mp3' : 'out.mp4');
  const tone = ['-f', 'lavfi', '-t', String(seconds), '-i', sound];
  const picture = format === 'vp9' ? ['-f', 'lavfi', '-i', `testsrc=size=640x360:rate=25:duration=${seconds}`] : [];
  const wrapped = bare ? ['-id3v2_version', '0', '-write_xing', '0', '-f', 'mp3'] : [...FRAGMENTED, '-f', 'mp4'];
  await ffmpeg([...tone, ...picture, ...ENCODERS[format], ...wrapped, out]);
  return await readFile(out);
}

async function remuxed(folder: string): Promise<Buffer> {
  const out = path.join(folder, 'boxed.mp4');
  await ffmpeg(['-i', path.join(folder, 'bare.mp3'), '-c', 'copy', ...FRAGMENTED, '-f', 'mp4', out]);
  return await readFile(out);
}

async function ffmpeg(args: string[]): Promise<void> {
  await promisify(execFile)('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args]);
}

/** Length of an MPEG 1 layer III frame. */
function mp3FrameBytes(header: number): number {
  const kbits = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320][(header >>> 12) & 15] ?? 0;
  return Math.floor((144 * kbits * 1000) / RATE) + ((header >>> 9) & 1);
}

function boxesOf(file: Buffer): { type: string; bytes: Buffer }[] {
  const boxes = [];
  for (let at = 0; at + 8 <= file.length;) {
    const size = file.readUInt32BE(at);
    boxes.push({ type: file.toString('latin1', at + 4, at + 8), bytes: file.subarray(at, at + size) });
    at += size;
  }
  return boxes;
}
