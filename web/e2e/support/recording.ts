// A real recording with the segment boundaries of its recorder.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const RECORDINGS = new URL('../../../crates/media/fixtures/', import.meta.url);

interface Index {
  mime: string;
  file: string;
  segments: { bytes: number; at_ms: number }[];
}

export interface Recording {
  mime: string;
  segments: Buffer[];
}

export async function loadRecording(name: string): Promise<Recording> {
  const folder = new URL(`${name}/`, RECORDINGS);
  const index = JSON.parse(await readFile(fileURLToPath(new URL('segments.json', folder)), 'utf8')) as Index;
  const stream = await readFile(fileURLToPath(new URL(index.file, folder)));
  let offset = 0;
  const segments = index.segments.map(({ bytes }) => {
    const segment = stream.subarray(offset, offset + bytes);
    offset += bytes;
    return segment;
  });
  return { mime: index.mime, segments };
}
